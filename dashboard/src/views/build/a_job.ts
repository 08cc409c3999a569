/** A job for tests: a second of the minute for each of its instants. */
import type { Job } from "~/api/types";

export const NOON = Date.parse("2026-11-20T12:00:00Z");

export function at(second: number): string {
  return new Date(NOON + second * 1000).toISOString();
}

export function aJob(name: string, [queued, started, finished]: readonly (number | null)[], more: Partial<Job> = {}): Job {
  const when = (second: number | null | undefined): string | null => (second === null || second === undefined ? null : at(second));
  const ran = started !== null && started !== undefined && finished !== null && finished !== undefined;
  return {
    id: [...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7) % 100_000,
    attempt: 1, external_id: name, name, stage: null, status: "succeeded", raw_status: "success",
    queued_at: when(queued), started_at: when(started), finished_at: when(finished),
    duration_seconds: ran ? finished - started : null, runner: null, web_url: null, ...more,
  };
}
