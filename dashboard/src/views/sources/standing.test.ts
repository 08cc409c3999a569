import { expect, test } from "vitest";
import type { Source } from "~/api/types";
import { backfillWords, budgetLook, installationsOf, notesOf, standingOf } from "./standing";

const NOON = Date.UTC(2026, 10, 20, 12);

function aSource(id: number, changes: Partial<Source> = {}): Source {
  return {
    id, provider: "github", instance: "github", project: "default", scope: `acme/${id}`, origin: "config", pattern: null, is_active: true, archived_at: null,
    interval_seconds: 30, interval_reason: null, next_poll_at: "2026-11-20T12:00:30Z", requested_at: null, is_polling: false, last_poll_at: null,
    last_contact_at: "2026-11-20T12:00:00Z", baseline_at: "2026-11-20T10:00:00Z", failures: 0, last_error: null, last_error_at: null, lag_seconds: 2,
    stale_reason: null, is_stale: false, budget: null, backfill: null, ...changes,
  };
}

const BUDGET = { request_limit: 5000, remaining: 4000, reset_at: "2026-11-20T12:30:00Z", blocked_until: null, is_rejected: false };

test("what keeps a source from being fresh is named, the gravest first", () => {
  expect(standingOf(aSource(1)).word).toBe("Fresh");
  expect(standingOf(aSource(1, { failures: 2 })).word).toBe("Failing");
  expect(standingOf(aSource(1, { failures: 2, is_stale: true })).word).toBe("Stale");
  expect(standingOf(aSource(1, { is_stale: true, budget: { ...BUDGET, is_rejected: true } })).word).toBe("Refused");
  expect(standingOf(aSource(1, { is_active: false, is_stale: true })).word).toBe("Not watched");
  expect(standingOf(aSource(1, { baseline_at: null })).word).toBe("Beginning");
});

test("an error that is overcome is not told as if it lasted", () => {
  const error = { last_error: "500", last_error_at: "2026-11-20T11:00:00Z" };
  expect(notesOf(aSource(1, error))).toMatchObject([{ tone: "none", words: "Last error, since overcome: 500" }]);
  expect(notesOf(aSource(1, { ...error, failures: 3 }))).toMatchObject([{ tone: "bad", words: "3 polls failed in a row: 500" }]);
});

test("a healthy source has nothing to add", () => {
  expect(notesOf(aSource(1))).toEqual([]);
});

test("a budget runs low before it is gone, and a wait that is over is none", () => {
  expect(budgetLook(BUDGET, NOON)).toMatchObject({ tone: "good", share: 0.8, words: "4,000 of 5,000 requests left" });
  expect(budgetLook({ ...BUDGET, remaining: 100 }, NOON).tone).toBe("late");
  expect(budgetLook({ ...BUDGET, blocked_until: "2026-11-20T12:10:00Z" }, NOON).words).toBe("asked to wait");
  expect(budgetLook({ ...BUDGET, blocked_until: "2026-11-20T11:50:00Z" }, NOON).tone).toBe("good");
  expect(budgetLook({ ...BUDGET, is_rejected: true }, NOON).tone).toBe("bad");
});

test("a budget that a provider names no limit of is not drawn", () => {
  expect(budgetLook({ ...BUDGET, request_limit: null }, NOON)).toEqual({ tone: "none", share: null, words: "4,000 requests left" });
});

test("an installation shows a shared budget once, and what needs a look first", () => {
  const [only, ...others] = installationsOf([aSource(1, { budget: BUDGET }), aSource(2, { budget: BUDGET, failures: 1 })]);
  expect(others).toEqual([]);
  expect(only?.budgets).toEqual([BUDGET]);
  expect(only?.sources.map((source) => source.id)).toEqual([2, 1]);
});

test("a backfill says how far it is and what keeps it", () => {
  const backfill = { state: "waiting" as const, since: "", until: "", reached: "", share: 0.25, builds: 1200, reason: "the budget is low" };
  expect(backfillWords(backfill)).toBe("Collecting the past waits, 25.0 %, 1,200 builds read; the budget is low");
  expect(backfillWords({ ...backfill, state: "done", reason: null })).toBe("Collecting the past is done, 1,200 builds read");
});
