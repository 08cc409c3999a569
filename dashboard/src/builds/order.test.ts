import { expect, it } from "vitest";
import { compare, isAbove } from "./order";

it("puts the newest first", () => {
  expect(isAbove({ id: 1, queued_at: "2026-11-20T12:00:01Z" }, { id: 2, queued_at: "2026-11-20T12:00:00Z" })).toBe(true);
});

it("takes an instant without a fraction for earlier than one within its second", () => {
  expect(isAbove({ id: 1, queued_at: "2026-11-20T12:00:00.500000Z" }, { id: 2, queued_at: "2026-11-20T12:00:00Z" })).toBe(true);
});

it("puts the later recorded first of two of the same instant", () => {
  expect(compare({ id: 2, queued_at: "2026-11-20T12:00:00Z" }, { id: 1, queued_at: "2026-11-20T12:00:00Z" })).toBeLessThan(0);
});
