/** How a build's duration compares with what its pipeline usually takes. */
import { useEffect, useMemo, useState } from "react";
import { useGet } from "~/api/use";
import type { Build, Duration, Durations, Status } from "~/api/types";
import { BROKEN } from "~/lib/status";
import { keptBuilds, rowAt, type Rows } from "./rows";

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
/** What flies past is not asked of. Shorter than the time between two batches of events, each of which may bring rows. */
export const PAUSE_MS = 120;
const NO_IDS: readonly number[] = [];
const LONG = 1.5;
const SHORT = 0.5;

/** What ended otherwise than by a verdict was cut short: how long it took says nothing. `isRunning`: and is believed to. */
export function compared(seconds: number | null, usual: Duration | undefined, status: Status, isRunning: boolean): Comparison | null {
  const middle = usual?.p50_seconds;
  if (seconds === null || usual === undefined || !middle || usual.builds < FEWEST) return null;
  if (!isRunning && status !== "succeeded" && !BROKEN.has(status)) return null;
  const times = seconds / middle;
  const isBeyond = usual.p95_seconds !== null && seconds > usual.p95_seconds && times >= LONG;
  // What runs may still become as long as usual, and what broke stopped where it broke.
  const isShort = times <= SHORT && status === "succeeded";
  const tone = isBeyond ? "late" : isRunning ? "busy" : "none";
  return { share: Math.min(times / 2, 1), tone, word: times >= LONG || isShort ? `${shown(times)}×` : null, explained: explained(times, isRunning) };
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

/** The pipelines of the rows in sight, once they stay there, and as many of those around as one question may hold. */
export function useMet(rows: Rows | undefined, first: number, last: number): readonly number[] {
  const [known, know] = useState(NO_IDS);
  const wait = known === NO_IDS ? 0 : PAUSE_MS;
  useEffect(() => {
    if (rows === undefined) return undefined;
    const look = (): void => {
      const inSight = Array.from({ length: Math.max(0, last - first + 1) }, (_, step) => rowAt(rows, first + step)).filter((build) => build !== undefined);
      know((before) => met(before, idsOf(inSight), idsOf(keptBuilds(rows))));
    };
    const timer = setTimeout(look, wait);
    return () => clearTimeout(timer);
  }, [rows, first, last, wait]);
  return known;
}

function idsOf(builds: readonly Build[]): number[] {
  return builds.map((build) => build.pipeline_id);
}

/** What these pipelines usually take. */
export function useUsual(ids: readonly number[]): ReadonlyMap<number, Duration> {
  const asked = ids.slice(0, MOST).toSorted((one, other) => one - other).join(",");
  const answer = useGet<Durations>("/api/pipelines/durations", { pipeline_id: asked }, { enabled: asked !== "" });
  return useMemo(() => new Map(answer.data?.pipelines.map((one) => [one.pipeline_id, one])), [answer.data]);
}
