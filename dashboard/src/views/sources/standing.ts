/** How a source stands, in a word and in sentences; what belongs to one installation. Pure. */
import type { Source } from "~/api/types";
import { grouped } from "~/lib/group";
import { count, percent, whole } from "~/lib/numbers";
import type { IconName, Tone } from "~/lib/status";
import type { Backfill, Budget } from "./types";

export interface Standing {
  word: string;
  tone: Tone;
  icon: IconName;
  /** The lower, the sooner somebody has to look. */
  rank: number;
}

export function standingOf(source: Source): Standing {
  if (source.archived_at !== null) return { word: "Gone", tone: "none", icon: "slash", rank: 5 };
  if (!source.is_active) return { word: "Not watched", tone: "none", icon: "slash", rank: 5 };
  if (source.budget?.is_rejected === true) return { word: "Refused", tone: "bad", icon: "key", rank: 0 };
  if (source.is_stale) return { word: "Stale", tone: "late", icon: "clock", rank: 1 };
  if (source.failures > 0) return { word: "Failing", tone: "bad", icon: "cross", rank: 2 };
  if (source.baseline_at === null) return { word: "Beginning", tone: "busy", icon: "ring", rank: 3 };
  return { word: "Fresh", tone: "good", icon: "check", rank: 4 };
}

export interface Note {
  key: string;
  tone: Tone;
  words: string;
  at?: string | null;
}

/** What there is to say about a source beyond its figures. */
export function notesOf(source: Source): Note[] {
  const notes: Note[] = [];
  if (source.stale_reason !== null) notes.push({ key: "stale", tone: "late", words: `Stale: ${source.stale_reason}` });
  if (source.last_error !== null && source.failures > 0) notes.push({ key: "error", tone: "bad", words: `${count(source.failures, "poll")} failed in a row: ${source.last_error}`, at: source.last_error_at });
  else if (source.last_error !== null) notes.push({ key: "error", tone: "none", words: `Last error, since overcome: ${source.last_error}`, at: source.last_error_at });
  if (source.interval_reason !== null) notes.push({ key: "interval", tone: "none", words: `Polled more rarely: ${source.interval_reason}` });
  if (source.archived_at !== null) notes.push({ key: "gone", tone: "none", words: "Its pattern finds it no more", at: source.archived_at });
  if (source.backfill !== null) notes.push({ key: "backfill", tone: "none", words: backfillWords(source.backfill) });
  return notes;
}

const STATES: Readonly<Record<Backfill["state"], string>> = { waiting: "waits", running: "goes on", done: "is done", cancelled: "was cancelled" };

export function backfillWords(backfill: Backfill): string {
  const share = backfill.share === null || backfill.state === "done" ? "" : `, ${percent(backfill.share)}`;
  const reason = backfill.reason === null ? "" : `; ${backfill.reason}`;
  return `Collecting the past ${STATES[backfill.state]}${share}, ${count(backfill.builds, "build")} read${reason}`;
}

export interface Installation {
  provider: string;
  instance: string;
  sources: readonly Source[];
  budgets: readonly Budget[];
}

/** Sources by installation, those that need a look first; each budget once. */
export function installationsOf(sources: readonly Source[]): Installation[] {
  const groups = grouped(sources, (source) => `${source.provider} ${source.instance}`);
  return [...groups.values()].flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    const ordered = [...members].sort((one, other) => standingOf(one).rank - standingOf(other).rank || one.scope.localeCompare(other.scope));
    return [{ provider: first.provider, instance: first.instance, sources: ordered, budgets: budgetsOf(members) }];
  });
}

/** One for each credential: sources that share one tell the same. */
function budgetsOf(sources: readonly Source[]): Budget[] {
  const budgets = sources.flatMap(({ budget }) => (budget === null ? [] : [budget]));
  return [...new Map(budgets.map((budget) => [`${budget.request_limit} ${budget.remaining} ${budget.reset_at} ${budget.blocked_until} ${budget.is_rejected}`, budget])).values()];
}

export interface BudgetLook {
  tone: Tone;
  /** Null where the provider names no limit. */
  share: number | null;
  words: string;
}

const LOW = 0.2;

export function budgetLook(budget: Budget, now: number): BudgetLook {
  const { request_limit: limit, remaining } = budget;
  const share = limit === null || remaining === null || limit === 0 ? null : remaining / limit;
  if (budget.is_rejected) return { tone: "bad", share, words: "the credential was refused" };
  if (budget.blocked_until !== null && Date.parse(budget.blocked_until) > now) return { tone: "late", share, words: "asked to wait" };
  if (remaining === null) return { tone: "none", share, words: "no limit told" };
  if (limit === null) return { tone: "none", share, words: `${whole(remaining)} requests left` };
  return { tone: share !== null && share < LOW ? "late" : "good", share, words: `${whole(remaining)} of ${whole(limit)} requests left` };
}

export const KINDS: Readonly<Record<string, string>> = {
  rate_limited: "Asked to wait", credential_refused: "Credential refused", unauthorized: "Not allowed", not_found: "Not found",
  unavailable: "Not available", unprocessable: "Not accepted", malformed_payload: "Not understood", secret_unavailable: "Secret missing",
  broke_off: "Broke off", quarantined_build: "Build set aside", quarantined_job: "Job set aside", quarantined_other: "Set aside",
  given_up: "Given up", other: "Other",
};
