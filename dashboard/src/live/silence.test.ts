import { expect, test } from "vitest";
import { silenceIn, silenceOf } from "./silence";

test("a scheduler that is heard of is no news", () => {
  expect(silenceOf({ checks: { scheduler: { is_ok: true, detail: "last heard of 1 s ago" } } })).toBeNull();
});

test("that none is heard of is told in the server's words", () => {
  const detail = "no scheduler has ever started: run observatory scheduler";
  expect(silenceOf({ checks: { scheduler: { is_ok: false, detail } } })).toBe(`Nothing is collected: ${detail}`);
});

test("who does not say it is not believed either way", () => {
  expect(silenceOf({})).toBeUndefined();
});

test("events about builds say nothing of it", () => {
  expect(silenceIn({ type: "status", pos: 2, prev_pos: 1, subject_kind: "build", data: { to_status: "silent" } })).toBeUndefined();
});
