/** Routes, receivers and silences in sentences. Pure. */
import type { IconName, Tone } from "~/lib/status";
import { lookOf } from "~/lib/status";
import type { Delivery, Receiver, Route, Silence } from "./types";

const TOLD: Readonly<Record<Route["on"][number], string>> = { broke: "breaks", still_failing: "keeps failing", flapping: "flaps", fixed: "is fixed" };
const DAYS: Readonly<Record<string, string>> = { mon: "Mon", tue: "Tue", wed: "Wed", thu: "Thu", fri: "Fri", sat: "Sat", sun: "Sun" };
const WEEK = 7;
const DEFAULT_BRANCH = "@default";

/** What a route tells, said of its receivers: “when a pipeline breaks, flaps or is fixed”. */
export function whatWords(route: Route): string {
  if (!route.every_transition) return `when a pipeline ${either(route.on.map((told) => TOLD[told]))}`;
  const only = route.status.length === 0 ? "" : ` to ${either(route.status.map((status) => lookOf(status).word.toLowerCase()))}`;
  return `of every change of a build’s status${only}, one message each`;
}

const NAMES = ["provider", "instance", "project", "team", "repository", "pipeline"] as const;

/** Of which pipelines and branches: “repository acme/* · on the default branch”. */
export function whereWords(matchers: Readonly<Record<string, unknown>>): string[] {
  const places = NAMES.flatMap((name) => {
    const patterns = patternsOf(matchers[name]);
    return patterns.length === 0 ? [] : [`${name} ${either(patterns)}`];
  });
  const branches = patternsOf(matchers.branch);
  return branches.length === 0 ? places : [...places, `on ${either(branches.map(branchWords))}`];
}

function branchWords(pattern: string): string {
  return pattern === DEFAULT_BRANCH ? "each pipeline’s default branch" : `branch ${pattern}`;
}

/** A list of patterns, or the one that stands for such a list. */
export function patternsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

/** When a route does not tell, or tells again; empty where only silences hold it back. */
export function holdWords(route: Route, said: (seconds: number) => string): string[] {
  const words: string[] = [];
  if (route.confirm > 1) words.push(`not before ${route.confirm} failures in a row`);
  if (route.novel_only) words.push("not where one of the last 100 builds failed in the same jobs");
  if (route.quiet_hours !== null) words.push(quietWords(route.quiet_hours));
  if (route.repeat_every !== null) words.push(`again every ${said(route.repeat_every)} while it is broken`);
  return words;
}

function quietWords({ start, end, timezone, days }: NonNullable<Route["quiet_hours"]>): string {
  const when = days.length === WEEK ? "" : `, on ${days.map((day) => DAYS[day] ?? day).join(", ")}`;
  return `not from ${clock(start)} to ${clock(end)} ${timezone}${when}`;
}

/** `09:00` of `09:00:00`. */
export function clock(time: string): string {
  return time.slice(0, 5);
}

export function either(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

export interface Look {
  word: string;
  tone: Tone;
  icon: IconName;
}

export interface ReceiverLook extends Look {
  /** Why nothing arrives there; null where it does. */
  problem: string | null;
}

export function receiverLook(receiver: Receiver): ReceiverLook {
  if (receiver.off_since !== null) return { word: "Off", tone: "bad", icon: "cross", problem: receiver.off_reason ?? "It was switched off." };
  if (!receiver.is_openable) return { word: "Cannot send", tone: "bad", icon: "alert", problem: receiver.problem ?? "The scheduler lacks what it needs to send there." };
  if (receiver.last_sent_at === null) return { word: "Ready", tone: "none", icon: "dots", problem: null };
  return { word: "Works", tone: "good", icon: "check", problem: null };
}

const DELIVERIES: Readonly<Record<Delivery["state"], Look>> = {
  pending: { word: "Waiting", tone: "none", icon: "dots" },
  sending: { word: "Sending", tone: "busy", icon: "ring" },
  sent: { word: "Sent", tone: "good", icon: "check" },
  dead: { word: "Refused", tone: "bad", icon: "cross" },
  expired: { word: "Given up", tone: "late", icon: "clock" },
};

export const DELIVERY_STATES = Object.keys(DELIVERIES) as readonly Delivery["state"][];

export function deliveryLook(state: Delivery["state"]): Look {
  return DELIVERIES[state];
}

const KINDS: Readonly<Record<Delivery["kind"], string>> = {
  news: "news", transition: "raw feed", digest: "digest", operations: "operations", test: "test", broke: "broke", flapping: "flapping", fixed: "fixed",
};

export function kindWords(kind: Delivery["kind"]): string {
  return KINDS[kind];
}

const SILENCES: Readonly<Record<Silence["state"], Look>> = {
  pending: { word: "To come", tone: "none", icon: "dots" },
  active: { word: "Silent", tone: "held", icon: "hand" },
  over: { word: "Over", tone: "none", icon: "check" },
};

export function silenceLook(state: Silence["state"]): Look {
  return SILENCES[state];
}

/** What a silence holds back; everything where nothing narrows it. */
export function silenceWords(silence: Silence): string {
  const words = whereWords(silence.matchers);
  return words.length === 0 ? "everything" : words.join(" · ");
}
