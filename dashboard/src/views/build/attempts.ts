/** Attempts of a build side by side: what each job came to in each of them. */
import type { Job } from "~/api/types";
import { grouped } from "~/lib/group";

export interface Compared {
  name: string;
  stage: string | null;
  /** By attempt, in the order asked for; null where it had no such job. Of several by one name the one created last. */
  jobs: (Job | null)[];
  /** It did not come to the same everywhere it ran. */
  differs: boolean;
}

export function compared(jobs: readonly Job[], attempts: readonly number[]): Compared[] {
  const byName = grouped(jobs, (job) => JSON.stringify([job.stage, job.name]));
  return [...byName.values()].map((same) => {
    const row = attempts.map((number) => same.findLast((job) => job.attempt === number) ?? null);
    const words = new Set(row.flatMap((job) => (job === null ? [] : [job.status])));
    return { name: same[0]?.name ?? "", stage: same[0]?.stage ?? null, jobs: row, differs: words.size > 1 };
  });
}

/** Seconds that a job of each attempt took more than the one before it that ran; null where there is nothing to compare. */
export function changes(jobs: readonly (Job | null)[]): (number | null)[] {
  let before: number | null = null;
  return jobs.map((job) => {
    const seconds = job?.duration_seconds ?? null;
    if (seconds === null || job?.started_at === null || job?.finished_at === null) return null;
    const change = before === null ? null : seconds - before;
    before = seconds;
    return change;
  });
}

/** The job whose log is what one wants to see first: what failed, then what runs; null for all together. */
export function firstToRead(jobs: readonly Job[]): number | null {
  const broken = jobs.find((job) => job.status === "failed") ?? jobs.find((job) => job.status === "timed_out");
  const chosen = broken ?? jobs.find((job) => job.status === "running");
  return chosen?.id ?? null;
}

export const CANCELLED: Readonly<Record<string, string>> = {
  superseded: "A newer build took its place.",
  person: "Somebody cancelled it.",
  timeout: "It ran out of time.",
};
