/** Which jobs failed when it broke, and which fail now. Pure. */
import type { Job } from "~/api/types";
import { BROKEN } from "~/lib/status";

export function failedIn(jobs: readonly Job[], attempt: number): Job[] {
  return jobs.filter((job) => job.attempt === attempt && BROKEN.has(job.status));
}

/** What became of the failure between two builds, in a sentence; null where nothing can be said. */
export function changed(first: readonly Pick<Job, "name">[], last: readonly Pick<Job, "name">[]): string | null {
  if (first.length === 0 || last.length === 0) return null;
  const [before, after] = [names(first), names(last)];
  const fresh = after.filter((name) => !before.includes(name));
  const gone = before.filter((name) => !after.includes(name));
  if (fresh.length === 0 && gone.length === 0) return before.length === 1 ? "The same job fails since." : "The same jobs fail since.";
  if (fresh.length === 0) return `By the last failure ${listed(gone)} passed again.`;
  if (gone.length === 0) return `By the last failure ${listed(fresh)} failed, too.`;
  return `By the last failure it was another one: ${listed(fresh)} failed, ${listed(gone)} no longer.`;
}

function names(jobs: readonly Pick<Job, "name">[]): string[] {
  return [...new Set(jobs.map((job) => job.name))];
}

const FEW = 3;

function listed(all: readonly string[]): string {
  const shown = all.slice(0, FEW).map((name) => `“${name}”`);
  if (all.length > FEW) return `${shown.join(", ")} and ${all.length - FEW} more`;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1) ?? ""}`;
}
