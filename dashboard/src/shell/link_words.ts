/** How well the page hears of what happens, in words. Pure. */
import type { Link } from "~/live/store";
import type { IconName, Tone } from "~/lib/status";
import { ago, duration } from "~/lib/time";

export interface LinkLook {
  word: string;
  tone: Tone;
  /** Null: a beating dot. */
  icon: IconName | null;
  explained: string;
}

/** Above this a delay is worth a word. */
const LATE_SECONDS = 10;

const LOOKS: Readonly<Record<Link["state"], LinkLook>> = {
  live: { tone: "good", word: "Live", icon: null, explained: "Changes arrive as they are recorded." },
  connecting: { tone: "none", word: "Connecting", icon: "ring", explained: "The stream of changes is being opened." },
  lost: { tone: "late", word: "Connection lost", icon: "offline", explained: "The stream of changes was cut." },
  offline: { tone: "bad", word: "Offline", icon: "offline", explained: "This machine has no network." },
  refused: { tone: "bad", word: "Not connected", icon: "alert", explained: "The server does not let this page listen." },
};

export function lookOfLink({ state, lagSeconds }: Pick<Link, "state" | "lagSeconds">): LinkLook {
  const look = LOOKS[state];
  if (state !== "live" || lagSeconds === null || lagSeconds < LATE_SECONDS) return look;
  return { ...look, tone: "late", icon: "clock", word: `Live, ${duration(Math.round(lagSeconds))} behind`, explained: "Changes arrive, but late: the server or the way to it is slow." };
}

/** The clocks are known to about a second, so less is not claimed. */
export function delayed(seconds: number | null): string {
  if (seconds === null) return "no change came yet";
  return seconds < 1 ? "under a second" : duration(seconds);
}

export function lasting(since: number, now: number): string {
  const words = ago(new Date(since), now);
  return words.endsWith(" ago") ? `for ${words.slice(0, -" ago".length)}` : words === "now" ? "just now" : `since ${words}`;
}
