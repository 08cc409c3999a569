import { expect, test } from "vitest";
import { aBuild } from "~/builds/sample";
import { heightOf, stripBars, stripWords, tookWords } from "./strip_bars";

const recent = (id: number, changes: object = {}) => ({ id, status: "succeeded" as const, is_flaky: false, duration_seconds: 60, queued_at: "2026-11-20T12:00:00Z", ...changes });

test("bars run from the oldest to the newest, and the build that still runs is the last", () => {
  const bars = stripBars({ recent: [recent(3), recent(2)], last_build: aBuild(4, { status: "running", duration_seconds: null }), usual_seconds: 60 });
  expect(bars.map((bar) => bar.id)).toEqual([2, 3, 4]);
  expect(bars.map((bar) => bar.isOpen)).toEqual([false, false, true]);
});

test("a finished last build is not drawn twice", () => {
  const bars = stripBars({ recent: [recent(3)], last_build: aBuild(3, { finished_at: "2026-11-20T12:01:00Z" }), usual_seconds: 60 });
  expect(bars).toHaveLength(1);
});

test("there are never more than twenty bars, and the oldest goes first", () => {
  const bars = stripBars({ recent: Array.from({ length: 20 }, (_, place) => recent(40 - place)), last_build: aBuild(41, { status: "queued" }), usual_seconds: 60 });
  expect(bars).toHaveLength(20);
  expect(bars[0]?.id).toBe(22);
});

test("a bar's height is its duration against the usual one, within the strip", () => {
  expect(heightOf(30, 60)).toBeCloseTo(heightOf(60, 60) / 2);
  expect(heightOf(6000, 60)).toBe(1);
  expect(heightOf(0, 60)).toBeGreaterThan(0.1);
});

test("without a usual duration every bar is as high as the usual", () => {
  expect(heightOf(500, null)).toBe(heightOf(60, 60));
});

test("what a build took is said against the usual", () => {
  expect(tookWords(90, 60)).toBe("1 m 30 s, 1.5× the usual 1 m 00 s");
  expect(tookWords(null, 60)).toBe("no duration yet");
  expect(tookWords(90, null)).toBe("1 m 30 s");
});

test("the strip is said in one sentence", () => {
  const bars = stripBars({ recent: [recent(3), recent(2, { status: "failed" }), recent(1)], last_build: null, usual_seconds: 60 });
  expect(stripWords(bars)).toBe("The last 3 builds: 2 succeeded, 1 failed");
  expect(stripWords([])).toBe("No builds yet");
});
