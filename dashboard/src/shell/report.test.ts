import { expect, test } from "vitest";
import { toldOf } from "./report";

test("an error is told with its kind, its place and the view, each cut to what the server takes", () => {
  const told = toldOf(new Error("x".repeat(900)), "render", "Table", "/waterfall");
  expect([told?.message.length, told?.kind, told?.where, told?.view]).toEqual([500, "render", "Table", "/waterfall"]);
  expect(told?.stack?.length).toBeLessThanOrEqual(2000);
});

test("what a browser's extension does is not ours to count", () => {
  expect(toldOf("boom", "script", "chrome-extension://abc/content.js:1", "/")).toBeNull();
});

test("a question taken back is no error", () => {
  expect(toldOf(Object.assign(new Error("aborted"), { name: "AbortError" }), "promise", "x", "/")).toBeNull();
});

test("an error without words is told all the same", () => {
  expect(toldOf(new Error(""), "script", "x", "/")?.message).toBe("without words");
});
