// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { renderHook } from "@testing-library/react";
import { caughtUp, heard, unheard, useReach } from "./reach";
import { LONGEST_MS, refreshOnReturn } from "./returning";

const ANSWER = { status: 200, headers: new Headers(), url: "/api/builds" };
let stop: () => void = () => undefined;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  stop();
  heard(ANSWER, 0, 0);
  caughtUp();
  vi.useRealTimers();
});

function goAndReturn(): void {
  unheard();
  heard(ANSWER, 0, 0);
}

test("what is shown counts as old until the last answer of the refresh is there", async () => {
  let end: () => void = () => undefined;
  stop = refreshOnReturn(() => new Promise((resolve) => (end = resolve)));
  const { result, rerender } = renderHook(useReach);

  goAndReturn();
  await vi.advanceTimersByTimeAsync(0);
  rerender();
  expect(result.current.state).toBe("returning");

  end();
  await vi.advanceTimersByTimeAsync(0);
  rerender();
  expect(result.current.state).toBe("answers");
});

test("a server that comes and goes is asked for everything ever more seldom, but again in the end", async () => {
  const refresh = vi.fn<() => Promise<void>>(() => Promise.resolve());
  stop = refreshOnReturn(refresh);
  for (let second = 0; second < 600; second += 1) {
    goAndReturn();
    // oxlint-disable-next-line no-await-in-loop -- one second after the other
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(refresh.mock.calls.length).toBeLessThan(10);
  const before = refresh.mock.calls.length;
  await vi.advanceTimersByTimeAsync(LONGEST_MS);
  expect(refresh.mock.calls.length - before).toBeLessThanOrEqual(1);
  expect(refresh.mock.calls.length).toBeGreaterThan(4);
});

test("after a quiet time the next return is answered at once", async () => {
  const refresh = vi.fn<() => Promise<void>>(() => Promise.resolve());
  stop = refreshOnReturn(refresh);
  goAndReturn();
  await vi.advanceTimersByTimeAsync(LONGEST_MS);
  goAndReturn();
  await vi.advanceTimersByTimeAsync(0);
  expect(refresh).toHaveBeenCalledTimes(2);
});
