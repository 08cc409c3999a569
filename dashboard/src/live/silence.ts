/** Whether anybody collects: as `/readyz` has it at the beginning, as the stream tells it from then on. */
import type { StreamEvent } from "./feed";

interface Readiness {
  checks?: { scheduler?: { is_ok: boolean; detail: string } };
}

/** Why nothing is collected, null where something is; undefined where nobody can say. */
export async function askSilence(): Promise<string | null | undefined> {
  try {
    const answer = await fetch("/readyz", { credentials: "same-origin" });
    return silenceOf((await answer.json()) as Readiness);
  } catch {
    return undefined; // no answer, or one of somebody else: the stream will tell
  }
}

export function silenceOf({ checks }: Readiness): string | null | undefined {
  const scheduler = checks?.scheduler;
  if (scheduler === undefined) return undefined;
  return scheduler.is_ok ? null : `Nothing is collected: ${scheduler.detail}`;
}

/** What an event says of it; undefined where it is about something else. */
export function silenceIn({ subject_kind, data }: StreamEvent): string | null | undefined {
  if (subject_kind !== "scheduler") return undefined;
  return data.to_status === "silent" ? `Nothing is collected: ${data.reason ?? "no scheduler is heard of"}` : null;
}
