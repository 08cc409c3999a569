/** How a build's duration compares with what its pipeline usually takes. */
import { useMemo } from "react";
import { useGet } from "~/api/use";
import type { Duration, Durations } from "~/api/types";

export interface Comparison {
  /** Of twice the usual, 0 to 1: how far the bar goes. */
  share: number;
  tone: "none" | "late" | "bad" | "busy";
  /** Where it is worth a word. */
  word: string | null;
  explained: string;
}

/** As many ids as one question may hold. */
const MOST = 200;
const FEWEST = 5;
const LONG = 1.5;
const SHORT = 0.5;

export function compared(seconds: number | null, usual: Duration | undefined, isRunning: boolean): Comparison | null {
  const middle = usual?.p50_seconds;
  if (seconds === null || usual === undefined || !middle || usual.builds < FEWEST) return null;
  const times = seconds / middle;
  const isBeyond = usual.p95_seconds !== null && seconds > usual.p95_seconds && times >= LONG;
  const tone = isBeyond ? "late" : isRunning ? "busy" : "none";
  return { share: Math.min(times / 2, 1), tone, word: isBeyond || times >= LONG || (times <= SHORT && !isRunning) ? `${shown(times)}×` : null, explained: explained(times, isRunning) };
}

function explained(times: number, isRunning: boolean): string {
  const words = `${shown(times)} times its pipeline’s median duration of the last 30 days`;
  return isRunning ? `so far ${words}` : words;
}

function shown(times: number): string {
  return times >= 10 ? String(Math.round(times)) : times.toFixed(1);
}

/** The pipelines to ask of: those in sight, those around, then those met before. The same ones while they do, so that scrolling asks seldom. */
export function met(known: readonly number[], inSight: readonly number[], around: readonly number[]): readonly number[] {
  const wanted = [...new Set(inSight)].slice(0, MOST);
  if (wanted.every((id) => known.includes(id))) return known;
  return [...new Set([...wanted, ...around, ...known])].slice(0, MOST);
}

/** What these pipelines usually take. */
export function useUsual(ids: readonly number[]): ReadonlyMap<number, Duration> {
  const asked = ids.slice(0, MOST).toSorted((one, other) => one - other).join(",");
  const answer = useGet<Durations>("/api/pipelines/durations", { pipeline_id: asked }, { enabled: asked !== "" });
  return useMemo(() => new Map(answer.data?.pipelines.map((one) => [one.pipeline_id, one])), [answer.data]);
}
