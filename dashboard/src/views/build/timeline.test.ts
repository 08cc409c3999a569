import { describe, expect, test } from "vitest";
import { NOON, aJob, at } from "./a_job";
import { axisOf, stagesOf, ticksOf } from "./timeline";

const LATER = NOON + 3_600_000;

describe("the axis", () => {
  test("reaches from the first creation to the last end", () => {
    expect(axisOf([aJob("a", [2, 4, 9]), aJob("b", [0, 1, 20])], false, LATER)).toEqual({ from: NOON, to: NOON + 20_000 });
  });

  test("of an open attempt reaches to now", () => {
    expect(axisOf([aJob("a", [0, 4, null])], true, NOON + 50_000).to).toBe(NOON + 50_000);
  });

  test("is never without length", () => {
    expect(axisOf([aJob("a", [0, 0, 0])], false, LATER)).toEqual({ from: NOON, to: NOON + 1000 });
    expect(axisOf([], false, LATER)).toEqual({ from: LATER, to: LATER + 1000 });
  });

  test.each([[7, 1], [42, 10], [95, 30], [600, 120], [4000, 900], [90_000, 28_800], [8_000_000, 1_814_400]])(
    "of %d seconds has round ticks every %d seconds",
    (seconds, step) => {
      const ticks = ticksOf({ from: 0, to: seconds * 1000 }, seconds < 10 ? 8 : 5);
      expect(ticks[0]).toEqual({ seconds: 0, share: 0 });
      expect(ticks[1]?.seconds).toBe(step);
      expect(ticks.every((tick) => tick.share <= 1)).toBe(true);
    },
  );
});

describe("the rows", () => {
  const axis = { from: NOON, to: NOON + 20_000 };

  test("are jobs by their start, in stages by their first start", () => {
    const jobs = [
      aJob("deploy", [0, 15, 20], { stage: "deploy" }), aJob("unit", [0, 2, 9], { stage: "test" }), aJob("lint", [0, 1, 4], { stage: "test" }),
    ];
    expect(stagesOf(jobs, axis, LATER).map((stage) => [stage.name, stage.bars.map((bar) => bar.job.name)])).toEqual([["test", ["lint", "unit"]], ["deploy", ["deploy"]]]);
  });

  test("that never began come last, as the provider ordered them", () => {
    const jobs = [aJob("b", [0, null, null], { status: "skipped" }), aJob("a", [0, null, null], { status: "skipped" }), aJob("ran", [0, 1, 2])];
    expect(stagesOf(jobs, axis, LATER)[0]?.bars.map((bar) => bar.job.name)).toEqual(["ran", "b", "a"]);
  });

  test("have bars from creation over start to end, as shares of the axis", () => {
    const [stage] = stagesOf([aJob("a", [0, 5, 10])], axis, LATER);
    expect(stage?.bars[0]).toMatchObject({ queued: 0, ready: 0, started: 0.25, ended: 0.5, waitMs: 5000, runMs: 5000 });
  });

  test("of a later stage wait for a runner only once the earlier stages have ended", () => {
    const jobs = [aJob("unit", [0, 0, 10], { stage: "test" }), aJob("deploy", [0, 12, 20], { stage: "deploy" })];
    expect(stagesOf(jobs, axis, LATER)[1]?.bars[0]).toMatchObject({ queued: 0, ready: 0.5, started: 0.6, waitMs: 2000 });
  });

  test("of jobs that wait or run reach to now", () => {
    const now = NOON + 20_000;
    const jobs = [aJob("runs", [0, 10, null], { status: "running" }), aJob("waits", [10, null, null], { status: "queued" })];
    const [stage] = stagesOf(jobs, axis, now);
    expect(stage?.bars.map((bar) => [bar.started, bar.ended, bar.waitMs])).toEqual([[0.5, 1, 10_000], [1, null, 10_000]]);
  });

  test("of jobs that ran before the attempt began are empty, and say so", () => {
    const jobs = [aJob("lint", [0, 1, 4]), aJob("unit", [9, 10, 15])];
    const [stage] = stagesOf(jobs, axis, LATER, at(8));
    expect(stage?.bars.map((bar) => [bar.isTakenOver, bar.started])).toEqual([[true, null], [false, 0.5]]);
  });

  test("of skipped jobs are empty", () => {
    const [stage] = stagesOf([aJob("a", [0, 5, 5], { status: "skipped" })], axis, LATER);
    expect(stage?.bars[0]).toMatchObject({ queued: null, started: null, ended: null, runMs: null });
  });
});
