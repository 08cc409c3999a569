import { expect, test } from "vitest";
import { delayed, lasting, lookOfLink } from "./link_words";

test("a line that is late says how late", () => {
  expect(lookOfLink({ state: "live", lagSeconds: 42.3 })).toMatchObject({ word: "Live, 42 s behind", tone: "late" });
  expect(lookOfLink({ state: "live", lagSeconds: 2 })).toMatchObject({ word: "Live", tone: "good" });
});

test("a cut line says nothing of delays", () => {
  expect(lookOfLink({ state: "lost", lagSeconds: 42 }).word).toBe("Connection lost");
});

test("a delay is not told more exactly than the clocks are known", () => {
  expect([delayed(null), delayed(0.2), delayed(1.6)]).toEqual(["no change came yet", "under a second", "1.6 s"]);
});

test("how long it has been so is told in words that fit", () => {
  const now = Date.UTC(2026, 10, 20, 12);
  expect([lasting(now, now), lasting(now - 40_000, now)]).toEqual(["just now", "for 40 s"]);
});
