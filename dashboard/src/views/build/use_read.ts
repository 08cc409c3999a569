/** Whose log is read: what the address says, else what one wants to see first. */
import { useState } from "react";
import type { Job } from "~/api/types";
import { useParameters } from "~/state/url";
import { firstToRead } from "./attempts";

/** In the address: the logs of all jobs. */
export const ALL = "all";

/** A job's id, or null for all of the attempt. */
export function useRead(attempt: number, jobs: readonly Job[], provider: string): number | null {
  const { get } = useParameters();
  const asked = get("job");
  // What is read does not change by itself: a log that jumps to another job while one reads it would be worse than the second best.
  const [first, setFirst] = useState<{ attempt: number; job: number | null } | null>(null);
  // Jenkins has one log a build; of one job all is the same and grows by its end.
  const isWhole = provider === "jenkins" || jobs.length === 0;
  const found = isWhole ? null : firstToRead(jobs);
  if (jobs.length > 0 && first?.attempt !== attempt) setFirst({ attempt, job: found });
  if (asked === ALL || isWhole) return null;
  const chosen = jobs.find((job) => String(job.id) === asked)?.id;
  if (chosen !== undefined) return chosen;
  return first?.attempt === attempt ? first.job : found;
}
