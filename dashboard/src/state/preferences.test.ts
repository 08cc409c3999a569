// @vitest-environment happy-dom
import { act, renderHook } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { usePreference, writeText } from "./preferences";

beforeEach(() => localStorage.clear());

function words(stored: unknown): readonly string[] {
  return Array.isArray(stored) ? stored.filter((one) => typeof one === "string") : [];
}

test("a choice stays the same object until it is another one", () => {
  writeText("words", '["one", 2]');
  const { result, rerender } = renderHook(() => usePreference("words", words));
  const [before, choose] = result.current;
  rerender();
  expect(result.current[0]).toBe(before);
  expect(before).toEqual(["one"]);
  act(() => choose(["other"]));
  expect(result.current[0]).toEqual(["other"]);
});

test("what lies there and is no choice counts as none", () => {
  writeText("words", "{not JSON");
  expect(renderHook(() => usePreference("words", words)).result.current[0]).toEqual([]);
});
