/** What happened to an incident, told so that somebody reads it: the same again and again is one entry. Pure. */
import type { OneIncident } from "~/api/types";
import type { IconName, Tone } from "~/lib/status";
import type { IncidentEvent, Telling } from "./types";

export interface Happened {
  kind: "event";
  key: string;
  at: string;
  word: string;
  tone: Tone;
  icon: IconName;
  /** In order; several where the same happened again and again. */
  events: IncidentEvent[];
}

export interface Told {
  kind: "told";
  key: string;
  at: string;
  telling: Telling;
}

export type Entry = Happened | Told;

const AGAIN = "Failed again";

/** In the order in which it happened. */
export function timelineOf(incident: Pick<OneIncident, "events" | "told">): Entry[] {
  const entries: Entry[] = [...incident.events.map(happened), ...incident.told.flatMap(told)];
  return entries.sort((one, other) => Date.parse(one.at) - Date.parse(other.at)).reduce<Entry[]>(gather, []);
}

function told(telling: Telling): Told[] {
  return telling.told_at === null ? [] : [{ kind: "told", key: `told ${telling.receiver}`, at: telling.told_at, telling }];
}

function happened(event: IncidentEvent): Happened {
  return { kind: "event", key: `event ${event.pos}`, at: event.at, ...said(event), events: [event] };
}

function said(event: IncidentEvent): Pick<Happened, "word" | "tone" | "icon"> {
  if (event.to_status === "fixed") return { word: "Fixed", tone: "good", icon: "check" };
  if (event.from_status === event.to_status) return { word: AGAIN, tone: "bad", icon: "cross" };
  if (event.from_status === "fixed") return { word: "Broke again", tone: "bad", icon: "cross" };
  if (event.to_status === "flapping") return { word: event.from_status === null ? "Broke, and flaps" : "Began to flap", tone: "late", icon: "warning" };
  return { word: event.from_status === null ? "Broke" : "Stays broken", tone: "bad", icon: "cross" };
}

function gather(entries: Entry[], entry: Entry): Entry[] {
  const before = entries.at(-1);
  if (entry.kind !== "event" || before?.kind !== "event" || entry.word !== AGAIN || before.word !== AGAIN) return [...entries, entry];
  return [...entries.slice(0, -1), { ...before, events: [...before.events, ...entry.events] }];
}

/** The build that brought an event about. */
export function buildOf(event: IncidentEvent): number | null {
  const id = event.data?.build_id;
  return typeof id === "number" ? id : null;
}

/** How many failures were counted by then. */
export function failuresOf(event: IncidentEvent): number | null {
  const failures = event.data?.failures;
  return typeof failures === "number" ? failures : null;
}
