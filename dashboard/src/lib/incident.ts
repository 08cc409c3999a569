/** How an incident stands, in a word and in sentences. Pure. */
import type { Incident } from "~/api/types";
import { count } from "./numbers";
import { installationName } from "./provider";
import type { IconName, Look } from "./status";

const LOOKS: Readonly<Record<Incident["status"], Look>> = {
  broken: { word: "Broken", tone: "bad", icon: "cross" },
  flapping: { word: "Flapping", tone: "late", icon: "warning" },
  fixed: { word: "Fixed", tone: "good", icon: "check" },
};

export function incidentLook(status: Incident["status"]): Look {
  return LOOKS[status];
}

/** What it means that an incident is silent. */
export const SILENT =
  "It is no news, so nobody is told: it was there before anybody watched, is of the past, or was learnt of too late.";
const FLAPPING =
  "From the third time within an hour on a branch flaps: one pass proves nothing then, three in a row end it, and it is told once, not at every turn.";
const FLAKY = "The same build failed and passed in a later attempt, so what it built does not explain it.";

export interface Mark {
  name: string;
  icon: IconName;
  words: string;
}

type Marked = Pick<Incident, "status" | "flaps" | "is_flaky" | "is_silent">;

/** What is peculiar about it, and what that means for whoever looks. */
export function marksOf(incident: Marked): Mark[] {
  const marks: Mark[] = [];
  const isFlapping = incident.status === "flapping" || incident.flaps > 0;
  if (isFlapping) marks.push({ name: "Flapping", icon: "warning", words: flapping(incident.flaps) });
  if (incident.is_flaky) marks.push({ name: "Flaky", icon: "flask", words: FLAKY });
  if (incident.is_silent) marks.push({ name: "Silent", icon: "bell", words: SILENT });
  return marks;
}

/** What it means that it flaps. */
export function flapping(flaps: number): string {
  const before = flaps === 0 ? "It breaks and passes by turns." : `This branch had broken ${often(flaps)} already in the hour before.`;
  return `${before} ${FLAPPING}`;
}

/** How it went on after the first failure, as far as verdicts tell; the instant of the last failure follows where `isAgain`. */
export function sinceThen({ failures, status }: Pick<Incident, "failures" | "status">): { words: string; isAgain: boolean } {
  if (failures > 1) return { words: `${count(failures, "failure")}, last`, isAgain: true };
  return { words: status === "flapping" ? "1 failure" : "1 failure, no result since", isAgain: false };
}

/** `once`, `twice`, `3 times`. */
export function often(times: number): string {
  return ["never", "once", "twice"][times] ?? count(times, "time");
}

/** For how long it has been broken, or was, in whole seconds. */
export function brokenFor(incident: Pick<Incident, "opened_at" | "fixed_at">, now: number): number {
  const until = incident.fixed_at === null ? now : Date.parse(incident.fixed_at);
  return Math.max(0, Math.round((until - Date.parse(incident.opened_at)) / 1000));
}

/** Its repository; its installation where none is known, or where the pipeline is called the same. */
export function placeOf(incident: Pick<Incident, "repository" | "pipeline_name" | "provider" | "instance">): string {
  const { repository } = incident;
  return repository === null || repository === incident.pipeline_name ? installationName(incident) : repository;
}
