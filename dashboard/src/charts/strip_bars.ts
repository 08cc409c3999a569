/** What the bars of a health strip say. Pure. */
import type { Pipeline, Status } from "~/api/types";
import { lookOf, type Tone } from "~/lib/status";
import { duration } from "~/lib/time";

export interface StripBar {
  id: number;
  status: Status;
  tone: Tone;
  isFlaky: boolean;
  isOpen: boolean;
  /** Of the strip's height, 0 to 1. */
  height: number;
  /** What it took, and what that is against the usual. */
  took: string;
  queuedAt: string;
}

export const STRIP_LENGTH = 20;

/** Short builds and those without a duration are still seen. */
const LEAST = 0.14;
/** How high the usual duration is; `strip.css` draws its line there. */
const USUAL = 0.62;

type Recent = Pipeline["recent"][number];

/** Oldest first, the one that still runs last. */
export function stripBars(pipeline: Pick<Pipeline, "recent" | "last_build" | "usual_seconds">): StripBar[] {
  const { recent, last_build: last, usual_seconds: usual } = pipeline;
  const bars = recent.map((build) => barOf(build, usual));
  if (last !== null && last.finished_at === null && !recent.some((build) => build.id === last.id)) {
    bars.unshift({ ...barOf({ ...last, is_flaky: false }, usual), isOpen: true });
  }
  return bars.slice(0, STRIP_LENGTH).toReversed();
}

function barOf(build: Pick<Recent, "id" | "status" | "is_flaky" | "duration_seconds" | "queued_at">, usual: number | null): StripBar {
  const { tone } = lookOf(build.status);
  const seconds = build.duration_seconds;
  return { id: build.id, status: build.status, tone, isFlaky: build.is_flaky, isOpen: false, height: heightOf(seconds, usual), took: tookWords(seconds, usual), queuedAt: build.queued_at };
}

export function heightOf(seconds: number | null, usual: number | null): number {
  if (seconds === null || !usual) return USUAL;
  return Math.min(1, Math.max(LEAST, (seconds / usual) * USUAL));
}

export function tookWords(seconds: number | null, usual: number | null): string {
  if (seconds === null) return "no duration yet";
  if (!usual || seconds === 0) return duration(seconds);
  return `${duration(seconds)}, ${(seconds / usual).toFixed(1)}× the usual ${duration(usual)}`;
}

/** The whole strip in a sentence. */
export function stripWords(bars: readonly StripBar[]): string {
  if (bars.length === 0) return "No builds yet";
  const counts = new Map<string, number>();
  for (const bar of bars) counts.set(lookOf(bar.status).word.toLowerCase(), (counts.get(lookOf(bar.status).word.toLowerCase()) ?? 0) + 1);
  const parts = [...counts].map(([word, builds]) => `${builds} ${word}`);
  return `The last ${bars.length === 1 ? "build" : `${bars.length} builds`}: ${parts.join(", ")}`;
}
