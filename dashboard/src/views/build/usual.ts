/** A duration against what is usual. */
import type { Build, Status } from "~/api/types";
import { BROKEN } from "~/lib/status";
import { duration } from "~/lib/time";

export interface Usual {
  p50: number;
  p95: number | null;
  builds: number;
}

export interface Compared {
  words: string;
  tone: "good" | "late" | "none";
}

/** Below this share of difference, or below these seconds, nobody would call it other than usual. */
const NOTABLE_SHARE = 0.1;
const NOTABLE_SECONDS = 2;

/** Nothing of what came to no verdict; what broke stopped where it broke, so that only longer is worth a word. */
export function againstUsual(seconds: number, usual: Usual, status: Status | null): Compared | null {
  const more = seconds - usual.p50;
  const isBroken = status !== null && BROKEN.has(status);
  if (status !== "succeeded" && !(isBroken && more > 0)) return null;
  if (Math.abs(more) < Math.max(NOTABLE_SECONDS, usual.p50 * NOTABLE_SHARE)) return { words: "as usual", tone: "none" };
  const by = `${duration(Math.abs(more))} ${more > 0 ? "longer" : "shorter"} than usual`;
  return { words: by, tone: usual.p95 !== null && seconds > usual.p95 ? "late" : "none" };
}

/** Seconds from start to finish, or to now while it is believed to run; what the provider shows where it is over. */
export function secondsSoFar(build: Pick<Build, "status" | "started_at" | "duration_seconds" | "stale_since">, now: number): number | null {
  if (build.status === "running" && build.stale_since === null && build.started_at !== null) return Math.max(0, (now - Date.parse(build.started_at)) / 1000);
  return build.duration_seconds;
}
