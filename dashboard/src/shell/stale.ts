/** Whose builds may be older than they look: which sources to name, and which pipelines are theirs. Pure. */
import type { Pipeline, Source } from "~/api/types";

const MOST_NAMED = 3;

type Standing = Pick<Source, "is_active" | "is_stale" | "last_contact_at">;

/** Why, by the source's or the pipeline's id. */
export type Reasons = ReadonlyMap<number, string>;

export const NO_REASONS: Reasons = new Map();

/** Whether a source's builds may be older than they look: one that is watched no more is not expected to tell. */
function isStale(source: Pick<Standing, "is_active" | "is_stale">): boolean {
  return source.is_active && source.is_stale;
}

/** Those that have been silent longest by name, the others by number. */
export function staleOf<One extends Standing>(sources: readonly One[]): { named: One[]; more: number } {
  const stale = sources.filter(isStale);
  const named = stale.toSorted((one, other) => heardAt(one) - heardAt(other)).slice(0, MOST_NAMED);
  return { named, more: stale.length - named.length };
}

export function staleSources(sources: readonly Pick<Source, "id" | "is_active" | "is_stale" | "stale_reason">[]): Reasons {
  return new Map(sources.filter(isStale).map((source) => [source.id, source.stale_reason ?? "nothing was heard of it for long"]));
}

/** The pipelines that are collected from such sources. */
export function stalePipelines(pipelines: readonly Pick<Pipeline, "id" | "source_id">[], sources: Reasons): Reasons {
  return new Map(pipelines.flatMap(({ id, source_id: source }) => {
    const reason = source === null ? undefined : sources.get(source);
    return reason === undefined ? [] : [[id, reason] as const];
  }));
}

function heardAt({ last_contact_at: at }: Standing): number {
  return at === null ? 0 : Date.parse(at);
}
