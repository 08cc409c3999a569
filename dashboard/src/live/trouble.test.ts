import { expect, test } from "vitest";
import { troubleIn, troubleOf } from "./trouble";

const HEARD = { is_ok: true, detail: "last heard of 1 s ago" };
const FAILS = "figures do not follow the builds: the job figures has failed each time since 2026-11-23 10:00:03 UTC";

const event = (kind: string, to: string, reason = "") => ({ type: "status" as const, pos: 2, prev_pos: 1, subject_kind: kind, data: { to_status: to, reason } });

test("a scheduler that is heard of and does its work is no news", () => {
  expect(troubleOf({ checks: { scheduler: HEARD, jobs: { is_ok: true, detail: "none fails" } } })).toBeNull();
  expect(troubleIn(event("scheduler", "alive", "a scheduler is back"))).toBeNull();
});

test("that none is heard of is told in the server's words", () => {
  const detail = "no scheduler has ever started: run observatory scheduler";
  const jobs = { is_ok: false, detail: FAILS };
  expect(troubleOf({ checks: { scheduler: { is_ok: false, detail }, jobs } })).toEqual({ isSilence: true, words: `Nothing is collected: ${detail}` });
});

test("what fails each time is told although a scheduler is heard of", () => {
  const told = { isSilence: false, words: FAILS.replace("figures", "Figures") };
  expect(troubleOf({ checks: { scheduler: HEARD, jobs: { is_ok: false, detail: FAILS } } })).toEqual(told);
  expect(troubleIn(event("scheduler", "troubled", FAILS))).toEqual(told);
});

test("who does not say it is not believed either way", () => {
  expect(troubleOf({})).toBeUndefined();
});

test("a server that knows nothing of jobs says nothing of them", () => {
  expect(troubleOf({ checks: { scheduler: HEARD } })).toBeNull();
});

test("events about builds say nothing of it", () => {
  expect(troubleIn(event("build", "silent"))).toBeUndefined();
});
