/** What the events of a build say. */
import type { BuildEvent } from "~/api/types";
import { OPEN } from "~/lib/status";

/** Below this it was learnt of as it happened. */
const LATE_SECONDS = 10;

/** How much later than it happened it was learnt of, in seconds; null where at once, or when collecting the past. */
export function learntLate(event: BuildEvent): number | null {
  const seconds = (Date.parse(event.recorded_at) - Date.parse(event.at)) / 1000;
  return event.is_backfill || seconds < LATE_SECONDS ? null : seconds;
}

/** The event that ended an attempt: what was decided about it says who was told. */
export function completing(events: readonly BuildEvent[], attempt: number): BuildEvent | null {
  return events.findLast((event) => event.attempt === attempt && event.to_status !== null && !OPEN.has(event.to_status)) ?? null;
}
