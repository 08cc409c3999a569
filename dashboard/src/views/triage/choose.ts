/** Which of a list is looked at, which comes next, and what is left of it by a search. Pure. */
import type { Incident } from "~/api/types";

type Named = Pick<Incident, "pipeline_name" | "repository" | "branch" | "project" | "instance">;

/** Whether every word of a search is somewhere in its names. */
export function isMeant(incident: Named, search: string): boolean {
  const { pipeline_name: pipeline, repository, branch, project, instance } = incident;
  return hasWords([pipeline, repository, branch, project, instance].join("\n"), search);
}

export function hasWords(text: string, search: string): boolean {
  const lower = text.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => lower.includes(word));
}

/**
 * The key one step on from the one looked at; at either end it stays.
 *
 * What is looked at may have left the list, because it was fixed: then `lastPlace`, where it stood, is where the next one is now.
 */
export function stepped<Key>(keys: readonly Key[], current: Key | null, lastPlace: number, step: 1 | -1): Key | null {
  if (keys.length === 0) return null;
  const place = current === null ? -1 : keys.indexOf(current);
  const wanted = place >= 0 ? place + step : current === null ? 0 : lastPlace + (step === 1 ? 0 : -1);
  return keys[Math.min(Math.max(wanted, 0), keys.length - 1)] ?? null;
}
