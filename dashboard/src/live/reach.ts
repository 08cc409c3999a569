/** Whether the server answers, how old what is shown is where it does not, and how its clock stands to ours. */
import { useSyncExternalStore } from "react";
import { ServerClock } from "./lag";

export interface Reach {
  /** `returning`: answers come again, but what is shown is not yet all of them. */
  state: "answers" | "silent" | "refuses" | "returning";
  /** When the server itself answered last, by this machine's clock. */
  answeredAt: number | null;
  /** The oldest of the answers shown that were kept from before; null where all are the server's own. */
  keptAt: string | null;
}

/** What the service worker writes into an answer that it kept: when it came from the server. */
export const KEPT_AT = "X-Kept-At";

/** What a server, or the proxy before it, says that cannot do its work: its database is away, or itself. */
export function cannotAnswer(status: number): boolean {
  return status >= 502 && status <= 504;
}

export const serverClock = new ServerClock();

let reach: Reach = { state: "answers", answeredAt: null, keptAt: null };
/** Questions refused since the last answer: one alone may just have been too much to ask. */
const refused = new Set<string>();
const watchers = new Set<() => void>();
const returns = new Set<() => void>();

export function useReach(): Reach {
  return useSyncExternalStore(watch, () => reach);
}

/** Be told when answers come again after none came or all were refused. */
export function onReturn(listener: () => void): () => void {
  returns.add(listener);
  return () => returns.delete(listener);
}

/** An answer came, from the server or from what was kept of it. */
export function heard(response: Pick<Response, "headers" | "status" | "url">, askedAt: number, now: number): void {
  const keptAt = response.headers.get(KEPT_AT);
  if (keptAt !== null) return change({ state: "silent", keptAt: reach.keptAt === null || keptAt < reach.keptAt ? keptAt : reach.keptAt });
  if (cannotAnswer(response.status)) {
    refused.add(response.url);
    return refused.size > 1 ? unheard() : undefined;
  }
  refused.clear();
  const madeAt = Date.parse(response.headers.get("X-As-Of") ?? "");
  if (!Number.isNaN(madeAt)) serverClock.answered(madeAt, askedAt, now);
  if (response.status === 401) return change({ state: "refuses" });
  const isBack = reach.state === "silent" || reach.state === "refuses";
  reach = { ...reach, answeredAt: now };
  if (!isBack) return;
  change({ state: "returning" });
  for (const listener of returns) listener();
}

/** No answer came. */
export function unheard(): void {
  change({ state: "silent" });
}

/** Everything shown was asked for again since the answers came back. */
export function caughtUp(): void {
  if (reach.state === "returning") change({ state: "answers", keptAt: null });
}

function change(changes: Partial<Reach>): void {
  const next = { ...reach, ...changes };
  if (next.state === reach.state && next.keptAt === reach.keptAt) return;
  reach = next;
  for (const watcher of watchers) watcher();
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}
