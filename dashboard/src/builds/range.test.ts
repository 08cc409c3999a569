import { expect, it } from "vitest";
import { rangeOf, scrollFor } from "./range";

it("draws a few rows more than are in sight", () => {
  expect(rangeOf(4400, 440, 44, 20_000)).toEqual({ first: 94, last: 116 });
});

it("draws no rows beyond either end", () => {
  expect(rangeOf(0, 440, 44, 5)).toEqual({ first: 0, last: 4 });
  expect(rangeOf(0, 440, 44, 0)).toEqual({ first: 0, last: -1 });
});

it("draws the last rows of a list that became shorter than it was scrolled", () => {
  expect(rangeOf(44_000, 440, 44, 10)).toEqual({ first: 9, last: 9 });
});

it("scrolls only for rows out of sight", () => {
  expect(scrollFor(5, 0, 440, 44, 34)).toBeNull();
  expect(scrollFor(9, 0, 440, 44, 34)).toBe(34);
  expect(scrollFor(2, 440, 440, 44, 34)).toBe(88);
});
