import { expect, test } from "vitest";
import type { PipelineFigures } from "~/api/types";
import { statementsOf, type Statement } from "./statements";

const FIGURES = {
  success_rate: 0.8,
  first_try: { succeeded: 70, broken: 30, verdicts: 100, success_rate: 0.7 },
  flaky: { builds: 12, verdicts: 100, rate: 0.12, lower: 0.07, upper: 0.198 },
  recovery: { fixed: 2, average: 90, p50: 60, red_seconds: 600, open: 0 },
  slowdown: null,
  formula: {},
  links: {},
} as unknown as PipelineFigures;

function said(key: string, changes: object = {}): Statement {
  const found = statementsOf({ ...FIGURES, ...changes }).find((statement) => statement.key === key);
  if (found === undefined) throw new Error(`nothing is said of ${key}`);
  return found;
}

test("flakiness is said with its bounds", () => {
  expect(said("flaky").words).toBe("12 of 100 builds passed right after the same commit had failed. With 95 % confidence the true share is between 7.0 % and 19.8 %.");
});

test("flakiness is a warning only where even its lower bound is high", () => {
  expect(said("flaky").tone).toBe("late");
  expect(said("flaky", { flaky: { builds: 1, verdicts: 4, rate: 0.25, lower: 0.046, upper: 0.7 } }).tone).toBe("none");
});

test("the first try says what running again gained", () => {
  expect(said("first_try").words).toBe("70 of 100 builds passed at the first attempt. Running again gained 10.0 points.");
  expect(said("first_try", { success_rate: 0.7 }).words).toContain("Running again gained nothing.");
});

test("a window without verdicts claims nothing", () => {
  const nothing = { success_rate: null, first_try: { succeeded: 0, broken: 0, verdicts: 0, success_rate: null }, flaky: { builds: 0, verdicts: 0, rate: null, lower: null, upper: null } };
  expect(said("first_try", nothing).words).toBe("No build with a verdict in the window.");
  expect(said("flaky", nothing)).toMatchObject({ value: "–", tone: "none", words: "No build with a verdict in the window." });
});

test("slower is said only where it is certain, with how likely chance is", () => {
  const slowdown = { is_slower: true, builds: 40, builds_before: 50, median: 75, median_before: 60, growth: 0.25, p_value: 0.0002, words: "the median grew from 60 s to 75 s", link: "/now", link_before: "/before" };
  expect(said("slower", { slowdown })).toMatchObject({ value: "+25 %", tone: "late", words: "The median grew from 60 s to 75 s. Chance alone would do that less than once in 1,000." });
  expect(said("slower", { slowdown: { ...slowdown, is_slower: false, p_value: 0.4 } })).toMatchObject({ value: "no", tone: "none" });
  expect(said("slower").value).toBe("–");
});

test("what is open at its end is said, with a link", () => {
  const open = said("recovery", { recovery: { fixed: 0, average: null, p50: null, red_seconds: 3600, open: 1 }, links: { "recovery.open": "/api/incidents?status=open" } });
  expect(open.words).toBe("Nothing was fixed in the window. The default branch was red for 1 h 00 m. 1 incident open at its end.");
  expect(open.links.map((link) => link.words)).toEqual(["Open incidents"]);
});
