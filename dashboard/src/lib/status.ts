/** The nine words for how a build stands, with their colour and what they are called. */
import type { Overview, Status } from "~/api/types";
import { whole } from "./numbers";

export type Tone = "good" | "bad" | "late" | "busy" | "held" | "none";

export interface Look {
  word: string;
  tone: Tone;
  icon: IconName;
}

export type IconName =
  | "check" | "cross" | "clock" | "ring" | "dots" | "hand" | "slash" | "skip" | "question" | "flask" | "warning"
  | "grid" | "list" | "pulse" | "person" | "layers" | "plug" | "bell" | "search" | "sun" | "moon" | "screen" | "refresh"
  | "keyboard" | "link" | "down" | "up" | "left" | "right" | "close" | "download" | "columns" | "bookmark" | "key" | "branch"
  | "commit" | "filter" | "info" | "offline" | "alert" | "arrow" | "eye";

export const STATUSES: readonly Status[] = [
  "queued", "blocked", "running", "succeeded", "failed", "timed_out", "cancelled", "skipped", "unknown",
];

export const OPEN: ReadonlySet<Status> = new Set<Status>(["queued", "blocked", "running"]);
export const BROKEN: ReadonlySet<Status> = new Set<Status>(["failed", "timed_out"]);

const LOOKS: Readonly<Record<Status, Look>> = {
  queued: { word: "Queued", tone: "none", icon: "dots" },
  blocked: { word: "Waiting", tone: "held", icon: "hand" },
  running: { word: "Running", tone: "busy", icon: "ring" },
  succeeded: { word: "Succeeded", tone: "good", icon: "check" },
  failed: { word: "Failed", tone: "bad", icon: "cross" },
  timed_out: { word: "Timed out", tone: "late", icon: "clock" },
  cancelled: { word: "Cancelled", tone: "none", icon: "slash" },
  skipped: { word: "Skipped", tone: "none", icon: "skip" },
  unknown: { word: "Unknown", tone: "none", icon: "question" },
};

export function lookOf(status: string | null): Look {
  return LOOKS[(status ?? "unknown") as Status] ?? LOOKS.unknown;
}

/** Of open builds, the nearest to their end first. */
const OPEN_FIRST = ["running", "blocked", "queued"] as const;

/** `2 running, 1 waiting; 3 stale`: open builds by what they do, all of them, and those that nobody should believe to run. */
export function activeWords({ by_status: byStatus, stale }: Pick<Overview["active"], "by_status" | "stale">): string {
  const words = OPEN_FIRST.flatMap((status) => {
    const builds = byStatus[status] ?? 0;
    return builds > 0 ? [`${whole(builds)} ${lookOf(status).word.toLowerCase()}`] : [];
  });
  const active = words.join(", ") || "nothing runs or waits";
  return stale > 0 ? `${active}; ${whole(stale)} stale` : active;
}
