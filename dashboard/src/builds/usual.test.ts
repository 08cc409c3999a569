// @vitest-environment happy-dom
import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { begun, PAGE } from "./rows";
import { aBuild } from "./sample";
import { PAUSE_MS, compared, met, useMet } from "./usual";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const usual = { pipeline_id: 1, builds: 40, p50_seconds: 60, p95_seconds: 100 };

it("says how many times the usual a slow build took", () => {
  expect(compared(126, usual, "succeeded", false)).toMatchObject({ word: "2.1×", tone: "late", share: 1 });
});

it("says nothing of a build that took about as long as usual", () => {
  expect(compared(66, usual, "succeeded", false)).toMatchObject({ word: null, tone: "none", share: 0.55 });
});

it("does not call what 1 in 20 builds takes late", () => {
  expect(compared(95, usual, "succeeded", false)).toMatchObject({ word: "1.6×", tone: "none" });
});

it("does not call a build fast while it runs", () => {
  expect(compared(6, usual, "running", true)).toMatchObject({ word: null, tone: "busy" });
});

it("says of a build that broke only that it took longer", () => {
  expect(compared(6, usual, "failed", false)).toMatchObject({ word: null, share: 0.05 });
  expect(compared(126, usual, "timed_out", false)).toMatchObject({ word: "2.1×", tone: "late" });
  expect(compared(6, usual, "succeeded", false)).toMatchObject({ word: "0.1×" });
});

it.each(["skipped", "cancelled", "unknown", "running"] as const)("compares no build that is %s and came to no verdict", (status) => {
  expect(compared(6, usual, status, false)).toBeNull();
});

it("compares with nothing of a pipeline that was built a few times only", () => {
  expect(compared(126, { ...usual, builds: 4 }, "succeeded", false)).toBeNull();
});

it("asks of the pipelines in sight even after more were met than one question may hold", () => {
  const many = Array.from({ length: 500 }, (_, id) => id);
  const asked = met(many.slice(0, 200), [400, 401, 400], many);
  expect(asked).toHaveLength(200);
  expect(asked.slice(0, 3)).toEqual([400, 401, 0]);
});

it("asks nothing new while all in sight are asked of", () => {
  const known = [3, 1, 2];
  expect(met(known, [2, 1], [7, 8])).toBe(known);
});

it("asks of what stays in sight, and of nothing that flies past", () => {
  vi.useFakeTimers();
  const builds = Array.from({ length: 3 * PAGE }, (_, place) => aBuild(1000 - place, { pipeline_id: place }));
  const rows = begun({ builds, next_cursor: null });
  const seen = new Set<readonly number[]>();
  const { result, rerender } = renderHook(({ first }) => {
    const ids = useMet(rows, first, first + 9);
    seen.add(ids);
    return ids;
  }, { initialProps: { first: 0 } });
  act(() => void vi.advanceTimersByTime(0));
  expect(result.current).toContain(0);

  for (let first = 10; first <= 250; first += 10) {
    rerender({ first });
    act(() => void vi.advanceTimersByTime(PAUSE_MS - 1));
  }
  expect(seen.size).toBe(2);
  expect(result.current).not.toContain(255);

  act(() => void vi.advanceTimersByTime(1));
  expect(result.current.slice(0, 10)).toEqual([250, 251, 252, 253, 254, 255, 256, 257, 258, 259]);
});
