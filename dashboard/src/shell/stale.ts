/** Which sources to name where their builds may be older than they look. Pure. */
import type { Source } from "~/api/types";

const MOST_NAMED = 3;

type Standing = Pick<Source, "is_active" | "is_stale" | "last_contact_at">;

/** Those that have been silent longest by name, the others by number. */
export function staleOf<One extends Standing>(sources: readonly One[]): { named: One[]; more: number } {
  const stale = sources.filter((source) => source.is_active && source.is_stale);
  const named = stale.toSorted((one, other) => heardAt(one) - heardAt(other)).slice(0, MOST_NAMED);
  return { named, more: stale.length - named.length };
}

function heardAt({ last_contact_at: at }: Standing): number {
  return at === null ? 0 : Date.parse(at);
}
