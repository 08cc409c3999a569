import { expect, test } from "vitest";
import { scopeOf } from "./scope";

const HOUR = Date.parse("2026-11-20T12:00:00Z");

test.each(["__proto__", "toString", "2w", ""])("a window that there is not (%s) is the usual one", (window) => {
  expect(scopeOf(new URLSearchParams({ window }), HOUR).frame).toMatchObject({ span: "24h", since: "2026-11-19T12:00:00.000Z" });
});
