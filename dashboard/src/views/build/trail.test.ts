import { expect, test } from "vitest";
import type { BuildEvent } from "~/api/types";
import { completing, learntLate } from "./trail";

function anEvent(pos: number, to: BuildEvent["to_status"], more: Partial<BuildEvent> = {}): BuildEvent {
  return {
    pos, kind: "transition", attempt: 1, version: pos, from_status: null, to_status: to, is_superseded: false, is_backfill: false,
    at: "2026-11-20T12:00:00Z", recorded_at: "2026-11-20T12:00:02Z", data: null, ...more,
  };
}

test("an attempt is completed by its last event that leaves it neither waiting nor running", () => {
  const events = [anEvent(1, "queued"), anEvent(2, "failed"), anEvent(3, "running", { attempt: 2 }), anEvent(4, "succeeded", { attempt: 2 })];
  expect(completing(events, 1)?.pos).toBe(2);
  expect(completing(events, 2)?.pos).toBe(4);
  expect(completing(events.slice(0, 1), 1)).toBeNull();
});

test("what was learnt within seconds was learnt as it happened", () => {
  expect(learntLate(anEvent(1, "failed"))).toBeNull();
  expect(learntLate(anEvent(1, "failed", { recorded_at: "2026-11-20T12:05:00Z" }))).toBe(300);
});

test("what was collected from the past was not learnt late", () => {
  expect(learntLate(anEvent(1, "failed", { recorded_at: "2026-11-21T12:05:00Z", is_backfill: true }))).toBeNull();
});
