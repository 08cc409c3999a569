import { expect, test } from "vitest";
import { againstUsual, secondsSoFar } from "./usual";

const USUAL = { p50: 100, p95: 180, builds: 20 };

test("a tenth more or less is as usual", () => {
  expect(againstUsual(109, USUAL, "succeeded")?.words).toBe("as usual");
  expect(againstUsual(91, USUAL, "succeeded")?.words).toBe("as usual");
});

test("a second or two are as usual, however short builds are", () => {
  expect(againstUsual(4.5, { ...USUAL, p50: 3 }, "succeeded")?.words).toBe("as usual");
});

test("more and less are said with how much", () => {
  expect(againstUsual(160, USUAL, "succeeded")).toEqual({ words: "1 m 00 s longer than usual", tone: "none" });
  expect(againstUsual(40, USUAL, "succeeded")).toEqual({ words: "1 m 00 s shorter than usual", tone: "none" });
});

test("longer than nineteen of twenty stands out", () => {
  expect(againstUsual(181, USUAL, "succeeded")?.tone).toBe("late");
  expect(againstUsual(181, { ...USUAL, p95: null }, "succeeded")?.tone).toBe("none");
});

test("of what broke only longer is said, and nothing of what came to no verdict", () => {
  expect(againstUsual(40, USUAL, "failed")).toBeNull();
  expect(againstUsual(160, USUAL, "failed")?.words).toBe("1 m 00 s longer than usual");
  expect(againstUsual(160, USUAL, "cancelled")).toBeNull();
});

test("what runs is as long as it has run", () => {
  const build = { started_at: "2026-11-20T12:00:00Z", finished_at: null, duration_seconds: 0, status: "running", stale_since: null } as const;
  expect(secondsSoFar(build, Date.parse("2026-11-20T12:01:30Z"))).toBe(90);
  expect(secondsSoFar({ ...build, duration_seconds: 42, status: "failed" }, 0)).toBe(42);
});

test("what nobody believes to run takes no longer than was seen", () => {
  const build = { started_at: "2026-11-20T12:00:00Z", duration_seconds: null, status: "running", stale_since: "2026-11-20T14:00:00Z" } as const;
  expect(secondsSoFar(build, Date.parse("2026-11-20T18:00:00Z"))).toBeNull();
});
