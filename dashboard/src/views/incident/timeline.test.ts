import { expect, test } from "vitest";
import { aTelling, anEvent } from "./an_incident";
import { buildOf, failuresOf, timelineOf } from "./timeline";

function minute(number: number): string {
  return `2026-11-20T12:${String(number).padStart(2, "0")}:00Z`;
}

test("the same again and again is one entry that holds each", () => {
  const again = [1, 2, 3].map((number) => anEvent({ pos: number + 1, from_status: "broken", at: minute(number) }));
  const fixed = anEvent({ pos: 9, from_status: "broken", to_status: "fixed", at: minute(9) });

  const entries = timelineOf({ events: [anEvent(), ...again, fixed], told: [] });

  expect(entries.map((entry) => entry.kind === "event" && [entry.word, entry.events.length])).toEqual([["Broke", 1], ["Failed again", 3], ["Fixed", 1]]);
});

test("what somebody was told stands where it happened, between the failures", () => {
  const again = [1, 5].map((number) => anEvent({ pos: number + 1, from_status: "broken", at: minute(number) }));

  const entries = timelineOf({ events: [anEvent(), ...again], told: [aTelling({ told_at: minute(3) })] });

  expect(entries.map((entry) => (entry.kind === "told" ? entry.telling.receiver : entry.word))).toEqual(["Broke", "Failed again", "chat", "Failed again"]);
});

test("who was told nothing yet has no place in it", () => {
  expect(timelineOf({ events: [], told: [aTelling({ told: null, told_at: null })] })).toEqual([]);
});

test("a branch that begins to flap is told from one that broke flapping", () => {
  const words = [anEvent({ to_status: "flapping" }), anEvent({ pos: 2, from_status: "broken", to_status: "flapping" }), anEvent({ pos: 3, from_status: "fixed" })].flatMap((event) => timelineOf({ events: [event], told: [] }));

  expect(words.map((entry) => entry.kind === "event" && entry.word)).toEqual(["Broke, and flaps", "Began to flap", "Broke again"]);
});

test("an event whose data says nothing names no build", () => {
  expect([buildOf(anEvent({ data: null })), failuresOf(anEvent({ data: { failures: "many" } }))]).toEqual([null, null]);
  expect([buildOf(anEvent()), failuresOf(anEvent())]).toEqual([20, 1]);
});
