/** What the charts show of each bucket of the window. Pure. */
import type { Bucket, Status } from "~/api/types";
import type { Bar } from "~/charts/stacked_bars";
import type { Point } from "~/charts/lines";
import { lookOf } from "~/lib/status";
import { DAY } from "~/lib/time";

/** From the bottom up: what is wrong stands on the axis, where it can be compared. */
export const STACK: readonly Status[] = ["failed", "timed_out", "succeeded", "cancelled", "skipped", "unknown", "blocked", "queued", "running"];

export function barsOf(series: readonly Bucket[], label: (bucket: Bucket) => string): Bar[] {
  return series.map((bucket) => ({
    start: new Date(bucket.starts_at),
    label: label(bucket),
    parts: STACK.map((status) => ({ key: status, word: lookOf(status).word, tone: lookOf(status).tone, count: bucket.counts[status] ?? 0 })),
  }));
}

export function pointsOf(series: readonly Bucket[], label: (bucket: Bucket) => string): Point[] {
  return series.map((bucket) => ({
    start: new Date(bucket.starts_at),
    label: label(bucket),
    low: bucket.duration_seconds.p50,
    high: bucket.duration_seconds.p95,
    builds: bucket.duration_seconds.builds,
  }));
}

/** The link of a bucket's builds, or of those of one status. */
export function linkOf(bucket: Bucket, status: string | null): string {
  return status === null ? bucket.link : `${bucket.link}&status=${status}`;
}

/** `Sat 21 Nov, 14:00 – 15:00`, or the day, or the days. */
export function labelOf(bucket: Pick<Bucket, "starts_at" | "ends_at">): string {
  const start = new Date(bucket.starts_at);
  const end = bucket.ends_at === null ? null : new Date(bucket.ends_at);
  const length = (end?.getTime() ?? start.getTime()) - start.getTime();
  if (end === null || length < DAY / 2) return `${DAYS.format(start)}, ${CLOCK.format(start)} – ${end === null ? "now" : CLOCK.format(end)}`;
  if (length < 1.5 * DAY) return DAYS.format(start);
  return `${DAYS.format(start)} – ${DAYS.format(end.getTime() - 1)}`;
}

const DAYS = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
