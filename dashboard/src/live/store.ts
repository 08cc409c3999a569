/** How well this page hears of what happens; and what it heard, in batches. */
import { useSyncExternalStore } from "react";
import type { Build, Incident } from "~/api/types";
import type { Trouble } from "./trouble";

/** `refused`: trying again by itself would change nothing. */
export type LinkState = "connecting" | "live" | "lost" | "offline" | "refused";

export interface Link {
  state: LinkState;
  /** Since when it is in this state, by this machine's clock. */
  since: number;
  /** When the last message came, to within some seconds. */
  heardAt: number | null;
  /** When the next attempt is made, while the link is lost. */
  retryAt: number | null;
  /** Seconds from a change's record to its arrival here, lately. */
  lagSeconds: number | null;
  /** What ended the link, in words. */
  why: string | null;
  /** What of the schedulers' work does not happen, where the server says so. */
  trouble: Trouble | null;
}

export interface Batch {
  /** The latest state of each build that changed. */
  builds: ReadonlyMap<number, Build>;
  incidents: ReadonlyMap<number, Incident>;
  /** Builds that were deleted since. */
  gone: ReadonlySet<number>;
  /** Something was missed for good: everything shown is to be asked for again. */
  isResync: boolean;
}

let link: Link = { state: "connecting", since: Date.now(), heardAt: null, retryAt: null, lagSeconds: null, why: null, trouble: null };
const watchers = new Set<() => void>();
const listeners = new Set<(batch: Batch) => void>();

export function useLink(): Link {
  return useSyncExternalStore(watch, currentLink);
}

export function currentLink(): Link {
  return link;
}

export function changeLink(changes: Partial<Omit<Link, "since">>): void {
  const isOther = changes.state !== undefined && changes.state !== link.state;
  link = { ...link, ...changes, ...(isOther ? { since: Date.now() } : {}) };
  for (const watcher of watchers) watcher();
}

/** Be told of what happens, a few times a second at most. Returns how to stop. */
export function onBatch(listener: (batch: Batch) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function publish(batch: Batch): void {
  for (const listener of listeners) listener(batch);
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}
