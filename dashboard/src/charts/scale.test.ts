import { expect, it } from "vitest";
import { HOUR, DAY } from "~/lib/time";
import { bandAt, countTicks, durationTicks, placedWithin, runs, timeMarks } from "./scale";

const REM = 15;

function starts(count: number, length: number): Date[] {
  const first = new Date(2026, 10, 20, 0).getTime();
  return Array.from({ length: count }, (_, at) => new Date(first + at * length));
}

it("names few whole numbers of a count", () => {
  expect(countTicks(113)).toEqual({ top: 150, ticks: [0, 50, 100, 150] });
  expect(countTicks(2).ticks).toEqual([0, 1, 2]);
  expect(countTicks(0).top).toBe(1);
});

it("names durations by steps of the clock", () => {
  expect(durationTicks(80)).toEqual({ top: 90, ticks: [0, 30, 60, 90] });
  expect(durationTicks(400).ticks).toEqual([0, 300, 600]);
  expect(durationTicks(0.25).ticks).toEqual([0, 0.1, 0.2, 0.3]);
});

it("finds steps for durations of weeks", () => {
  const { top, ticks } = durationTicks(2_000_000);
  expect(top).toBeGreaterThanOrEqual(2_000_000);
  expect(ticks.length).toBeLessThanOrEqual(5);
});

it("names round hours, as many as there is room for", () => {
  const marks = timeMarks(starts(25, HOUR), 640, REM);
  expect(marks.map((mark) => mark.at)).toEqual([0, 3, 6, 9, 12, 15, 18, 21, 24]);
});

it("names days from the newest back", () => {
  expect(timeMarks(starts(30, DAY), 300, REM).map((mark) => mark.at).at(-1)).toBe(29);
});

it("names days where the window begins within the first", () => {
  const [first = new Date(), ...others] = starts(8, DAY);
  expect(timeMarks([new Date(first.getTime() + 23 * HOUR), ...others], 640, REM).map((mark) => mark.at)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

it("names nothing where there is nothing", () => {
  expect(timeMarks([], 300, REM)).toEqual([]);
});

it("names fewer where letters are larger", () => {
  const times = starts(25, HOUR);
  expect(timeMarks(times, 640, 36).length).toBeLessThan(timeMarks(times, 640, REM).length);
});

it("centres each label at its mark, but lets none reach over an edge", () => {
  const marks = [{ at: 2, label: "12:00 PM" }, { at: 300, label: "12:00 PM" }, { at: 635, label: "12:00 PM" }];
  const placed = placedWithin(marks, (at) => at, [0, 640], REM);
  expect(placed.map(({ x, anchor }) => [x, anchor])).toEqual([[0, "start"], [300, "middle"], [640, "end"]]);
});

it("leaves out a label that the last one would touch where it was moved", () => {
  const marks = [{ at: 580, label: "11:00 AM" }, { at: 639, label: "12:00 PM" }];
  expect(placedWithin(marks, (at) => at, [0, 640], REM).map(({ at }) => at)).toEqual([639]);
  expect(placedWithin(marks, (at) => at, [0, 700], REM)).toHaveLength(2);
});

it("finds the band under the pointer, also at the edges", () => {
  expect([bandAt(-5, 100, 4), bandAt(49, 100, 4), bandAt(100, 100, 4)]).toEqual([0, 1, 3]);
});

it("splits a run where there are no values", () => {
  expect(runs([1, 2, null, 3, null])).toEqual([[0, 1], [3]]);
});
