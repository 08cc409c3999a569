/**
 * The critical path: the chain of jobs that determined when the attempt ended, from instants alone.
 *
 * From the job that ended last back to whatever ended last before that one began, and so on. Providers do not tell which
 * job needs which; what ended last before a job began is what it can have waited for.
 */
import type { Job } from "~/api/types";

export interface Step {
  job: Job;
  /** Milliseconds between the end of the step before (or the job's own creation, of the first) and its start. */
  waitMs: number;
  runMs: number;
}

interface Ran {
  job: Job;
  start: number;
  end: number;
}

/** In order; a job that still runs ends `now`. Empty where no job began. */
export function criticalPath(jobs: readonly Job[], now: number): Step[] {
  const ran = jobs.flatMap((job) => ranOf(job, now)).toSorted((one, other) => one.start - other.start);
  const steps: Step[] = [];
  let step = ran.reduce<Ran | undefined>((last, one) => (last === undefined || one.end > last.end ? one : last), undefined);
  while (step !== undefined) {
    const before = endedBefore(ran, step);
    const from = before?.end ?? instant(step.job.queued_at) ?? step.start;
    steps.unshift({ job: step.job, waitMs: Math.max(0, step.start - from), runMs: step.end - step.start });
    step = before;
  }
  return steps;
}

/** Among those that began earlier, so that the chain has an end. */
function endedBefore(ran: readonly Ran[], step: Ran): Ran | undefined {
  let found: Ran | undefined;
  for (const one of ran) {
    if (one.start >= step.start) break;
    if (one.end <= step.start && (found === undefined || one.end > found.end)) found = one;
  }
  return found;
}

function ranOf(job: Job, now: number): Ran[] {
  const start = instant(job.started_at);
  if (start === undefined || job.status === "skipped") return [];
  return [{ job, start, end: Math.max(start, instant(job.finished_at) ?? now) }];
}

export function instant(at: string | null): number | undefined {
  return at === null ? undefined : Date.parse(at);
}
