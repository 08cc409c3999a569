import { expect, test } from "vitest";
import { Lag, ServerClock } from "./lag";

const AHEAD = 90_000;

function known(): ServerClock {
  const clock = new ServerClock();
  clock.answered(1_000 + AHEAD, 990, 1_030);
  clock.answered(5_000 + AHEAD, 4_990, 5_005);
  return clock;
}

test("the difference of the clocks is learnt from answers, the quicker the closer", () => {
  expect(Math.abs(known().at(0) - AHEAD)).toBeLessThanOrEqual(5);
});

test("a clock that was set is learnt anew", () => {
  const clock = known();
  clock.answered(9_000, 8_990, 9_010);
  expect(Math.abs(clock.at(0))).toBeLessThanOrEqual(10);
});

test("a delay is told without the difference of the clocks", () => {
  const lag = new Lag(known());
  lag.note(10_000 + AHEAD, 10_400, 6_000);
  expect(lag.seconds).toBeCloseTo(0.4, 1);
});

test("what is only caught up with says nothing of the line", () => {
  const lag = new Lag(known());
  lag.note(10_000 + AHEAD, 500_000, 499_000);
  expect(lag.seconds).toBeNull();
});

test("one straggler does not speak for the line", () => {
  const lag = new Lag(known());
  for (const at of [10_000, 20_000, 30_000]) lag.note(at + AHEAD, at + 200, 6_000);
  lag.note(40_000 + AHEAD, 70_000, 6_000);
  expect(lag.seconds).toBeLessThan(0.3);
});

test("without any answer no delay is claimed", () => {
  const lag = new Lag(new ServerClock());
  lag.note(10_000, 10_500, 0);
  expect(lag.seconds).toBeNull();
});
