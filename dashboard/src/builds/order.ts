/** The order of every list of builds: newest queued first, of the same instant the one recorded later. */
import type { Build } from "~/api/types";

type Placed = Pick<Build, "queued_at" | "id">;

/** Negative where `one` stands above `other`. */
export function compare(one: Placed, other: Placed): number {
  const [first, second] = [sortable(one.queued_at), sortable(other.queued_at)];
  if (first !== second) return first > second ? -1 : 1;
  return other.id - one.id;
}

export function isAbove(one: Placed, other: Placed): boolean {
  return compare(one, other) < 0;
}

/** Of two states of one build the one we learnt of later; of the same instant the second. */
export function laterOf(one: Build, other: Build): Build {
  return sortable(one.recorded_at) > sortable(other.recorded_at) ? one : other;
}

/** `…:26Z` comes before `…:26.5Z`, which as text it does not until the Z is gone. */
function sortable(instant: string): string {
  return instant.endsWith("Z") ? instant.slice(0, -1) : instant;
}
