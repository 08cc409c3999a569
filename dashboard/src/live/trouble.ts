/** What of the schedulers' work does not happen: as `/readyz` has it at the beginning, as the stream tells it from then on. */
import type { StreamEvent } from "./feed";

export interface Trouble {
  /** Whether no scheduler is heard of at all, so that nothing can be fresh. */
  isSilence: boolean;
  words: string;
}

interface Check {
  is_ok: boolean;
  detail: string;
}

interface Readiness {
  checks?: { scheduler?: Check; jobs?: Check };
}

/** What does not happen and why, null where everything does; undefined where nobody can say. */
export async function askTrouble(): Promise<Trouble | null | undefined> {
  try {
    const answer = await fetch("/readyz", { credentials: "same-origin" });
    return troubleOf((await answer.json()) as Readiness);
  } catch {
    return undefined; // no answer, or one of somebody else: the stream will tell
  }
}

export function troubleOf({ checks }: Readiness): Trouble | null | undefined {
  const { scheduler, jobs } = checks ?? {};
  if (scheduler === undefined) return undefined;
  if (!scheduler.is_ok) return silence(scheduler.detail);
  return jobs?.is_ok === false ? failing(jobs.detail) : null;
}

/** What an event says of it; undefined where it is about something else. */
export function troubleIn({ subject_kind, data }: StreamEvent): Trouble | null | undefined {
  if (subject_kind !== "scheduler") return undefined;
  if (data.to_status === "silent") return silence(data.reason ?? "no scheduler is heard of");
  return data.to_status === "troubled" ? failing(data.reason ?? "a job of the scheduler fails each time") : null;
}

function silence(why: string): Trouble {
  return { isSilence: true, words: `Nothing is collected: ${why}` };
}

function failing(what: string): Trouble {
  return { isSilence: false, words: what.charAt(0).toUpperCase() + what.slice(1) };
}
