// @vitest-environment happy-dom
import { act, renderHook } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { useParameters } from "./url";

beforeEach(() => window.history.replaceState(null, "", "/"));

test("a step back undoes a choice, and not each letter that was typed", () => {
  const { result } = renderHook(useParameters);
  const before = window.history.length;

  act(() => result.current.set({ q: "f" }, { replace: true }));
  act(() => result.current.set({ q: "fl" }, { replace: true }));
  expect(window.history.length).toBe(before);

  act(() => result.current.set({ status: "failed" }));
  expect([window.history.length, window.location.search]).toEqual([before + 1, "?q=fl&status=failed"]);
});

test("what is chosen already is no step", () => {
  const { result } = renderHook(useParameters);
  act(() => result.current.set({ status: "failed" }));
  const before = window.history.length;
  act(() => result.current.set({ status: "failed" }));
  expect(window.history.length).toBe(before);
});
