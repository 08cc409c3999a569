import { expect, test } from "vitest";
import { FALLBACK_MS } from "~/api/use";
import { askAgainAfter } from "./use_decisions";

test("what is not planned yet is asked for soon at first, then ever more seldom", () => {
  const waits = [1, 2, 3, 4, 100].map((asked) => askAgainAfter({ is_planned: false }, asked));
  expect(waits).toEqual([2_000, 3_000, 4_500, 6_750, FALLBACK_MS]);
});

test("what is planned is asked for as seldom as anything", () => {
  expect(askAgainAfter({ is_planned: true }, 1)).toBe(FALLBACK_MS);
  expect(askAgainAfter(undefined, 0)).toBe(FALLBACK_MS);
});
