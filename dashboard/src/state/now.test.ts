// @vitest-environment happy-dom
import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { useNow } from "./now";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("the clock is right as soon as somebody looks again", () => {
  vi.useFakeTimers({ now: 0 });
  const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(false);
  const { result } = renderHook(useNow);

  hidden.mockReturnValue(true);
  act(() => vi.advanceTimersByTime(3_600_000));
  expect(result.current).toBeLessThan(60_000);

  hidden.mockReturnValue(false);
  act(() => void document.dispatchEvent(new Event("visibilitychange")));
  expect(result.current).toBe(3_600_000);
});

test("and where it is shown after a time in which nobody asked for it", () => {
  vi.useFakeTimers({ now: 7_200_000 });
  renderHook(useNow).unmount();
  vi.setSystemTime(9_000_000);
  expect(renderHook(useNow).result.current).toBe(9_000_000);
});
