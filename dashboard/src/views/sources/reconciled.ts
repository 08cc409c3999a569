/** Who told first, by installation: webhooks, polls, sweeps. Pure. */
import type { ReconciledInstance, ReconciledSource, Reconciliation } from "./types";

export interface Reconciled {
  instance: ReconciledInstance;
  sources: readonly ReconciledSource[];
  told: Readonly<Record<Way, number>>;
  /** Null where no webhook came, so that none can be said to be missing. */
  missed: number | null;
  lag: Readonly<Record<"webhook" | "poll", Range | null>>;
}

export const WAYS = ["webhook", "poll", "sweep", "backfill"] as const;
export type Way = (typeof WAYS)[number];

export interface Range {
  least: number;
  most: number;
}

export function reconciledOf(answer: Pick<Reconciliation, "sources" | "instances">): Reconciled[] {
  return answer.instances.map((instance) => {
    const sources = answer.sources.filter((source) => source.provider === instance.provider && source.instance === instance.instance);
    return { instance, sources, told: toldOf(sources), missed: missedOf(sources), lag: { webhook: rangeOf(sources, "webhook"), poll: rangeOf(sources, "poll") } };
  });
}

function toldOf(sources: readonly ReconciledSource[]): Record<Way, number> {
  const told = { webhook: 0, poll: 0, sweep: 0, backfill: 0 };
  for (const { total } of sources) for (const way of WAYS) told[way] += total.changes[way];
  return told;
}

function missedOf(sources: readonly ReconciledSource[]): number | null {
  const known = sources.flatMap(({ total }) => (total.missed === null ? [] : [total.missed]));
  return known.length === 0 ? null : known.reduce((sum, missed) => sum + missed, 0);
}

/** Medians of sources cannot be made into one median: from the least to the most. */
function rangeOf(sources: readonly ReconciledSource[], way: "webhook" | "poll"): Range | null {
  const medians = sources.flatMap(({ total }) => total.lag_seconds[way].p50 ?? []);
  return medians.length === 0 ? null : { least: Math.min(...medians), most: Math.max(...medians) };
}
