/** Asking again for what changed: one round after the other, resting longer the longer answers take, and not while nobody looks. */
import type { Query, QueryClient } from "@tanstack/react-query";

export const AGAIN_MS = 2_000;
const MOST_MS = 60_000;

/** A page that keeps a server busy gives it so much rest for each moment of work. */
const REST = 5;

export type Concerns = (query: Pick<Query, "queryKey">) => boolean;

export class Again {
  /** What is to be asked for again, by hash. */
  private due = new Set<string>();
  private isBusy = false;
  private pause = AGAIN_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly client: QueryClient, private readonly concerns: Concerns) {
    document.addEventListener("visibilitychange", this.wait);
  }

  /** Of what concerns this, only what moved. */
  ask(moved: Concerns = () => true): void {
    const queries = this.client.getQueryCache().findAll({ predicate: (query) => this.concerns(query) && moved(query) });
    for (const { queryHash } of queries) this.due.add(queryHash);
    this.wait();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.wait);
    clearTimeout(this.timer);
    this.due.clear();
  }

  private readonly wait = (): void => {
    if (this.due.size === 0 || this.isBusy || this.timer !== undefined || document.hidden) return;
    this.timer = setTimeout(() => void this.round(), this.pause);
  };

  private async round(): Promise<void> {
    this.timer = undefined;
    this.isBusy = true;
    const { due } = this;
    const filters = { predicate: ({ queryHash }: Pick<Query, "queryHash">) => due.has(queryHash) };
    // An answer that is already on its way may have been made before the change; to take it back would starve slow ones.
    const underway = this.client.getQueryCache().findAll({ ...filters, fetchStatus: "fetching" });
    this.due = new Set(underway.map(({ queryHash }) => queryHash));
    const began = performance.now();
    await this.client.invalidateQueries(filters, { cancelRefetch: false });
    this.pause = pauseAfter(performance.now() - began);
    this.isBusy = false;
    this.wait();
  }
}

export function pauseAfter(roundMs: number): number {
  return Math.min(MOST_MS, Math.max(AGAIN_MS, REST * roundMs));
}
