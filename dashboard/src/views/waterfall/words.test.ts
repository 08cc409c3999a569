import { expect, test } from "vitest";
import { matching } from "./words";

test.each([
  ["unit", "ci / Unit (3.12)", true],
  ["CI / unit", "ci / Unit (3.12)", true],
  ["unit*3.12", "ci / unit (3.12)", true],
  ["3.12*unit", "ci / unit (3.12)", false],
  ["lint | unit", "ci / unit (3.12)", true],
  ["lint | ", "ci / unit (3.12)", false],
  ["*", "ci", true],
  ["aa*a", "aa", false],
])("%j in %j: %j", (words, name, isThere) => {
  expect(matching(words)?.(name)).toBe(isThere);
});

test("no expression is known: its signs are letters like others", () => {
  expect(matching("(3.12)")?.("unit (3.12)")).toBe(true);
  expect(matching("3.12")?.("unit 3912")).toBe(false);
  expect(matching("^unit$")?.("unit")).toBe(false);
});

test("of no words nothing is asked", () => {
  expect(["", "  ", " | |"].map(matching)).toEqual([null, null, null]);
});

test("a crafted address ends at once, where an expression would never end", () => {
  expect(matching("a*".repeat(99) + "b")?.("a".repeat(10_000))).toBe(false);
});
