import { expect, test } from "vitest";
import { staleOf } from "./stale";

function aSource(minute: number | null, changes: { is_active?: boolean; is_stale?: boolean } = {}) {
  return { is_active: true, is_stale: true, last_contact_at: minute === null ? null : new Date(Date.UTC(2026, 10, 20, 12, minute)).toISOString(), ...changes };
}

test("those that have been silent longest are named, one that never spoke first, and the others are counted", () => {
  const [a, b, c, d, e] = [aSource(9), aSource(3), aSource(null), aSource(5), aSource(7)];
  expect(staleOf([a, b, c, d, e])).toEqual({ named: [c, b, d], more: 2 });
});

test("one far down a long list is named like the first", () => {
  const fresh = Array.from({ length: 400 }, () => aSource(0, { is_stale: false }));
  const late = aSource(1);
  expect(staleOf([...fresh, late])).toEqual({ named: [late], more: 0 });
});

test("one that is no longer watched, and one that is fresh, are not worth a word", () => {
  expect(staleOf([aSource(1, { is_active: false }), aSource(1, { is_stale: false })])).toEqual({ named: [], more: 0 });
});
