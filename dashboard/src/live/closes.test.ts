import { expect, test } from "vitest";
import { LONGEST_PAUSE_MS, afterClose, isUnexplained } from "./closes";

test("pauses grow with every failure, to a limit", () => {
  const pauses = [0, 1, 2, 3, 20].map((failures) => afterClose(1006, failures, 1).pause);
  expect(pauses).toEqual([500, 1000, 2000, 4000, LONGEST_PAUSE_MS]);
});

test("chance spreads them, and none is shorter than half", () => {
  expect(afterClose(1006, 2, 0).pause).toBe(1000);
  expect(afterClose(1006, 2, 0.5).pause).toBe(1500);
});

test("after a restart all pages come back within half a minute, not all at once", () => {
  expect(afterClose(1001, 0, 0).pause).toBe(1000);
  expect(afterClose(1001, 0, 1).pause).toBe(30_000);
});

test.each([1002, 1003, 1007, 1009, 4400])("after %i the page does not come back by itself", (code) => {
  expect(afterClose(code, 0, 0.5).pause).toBeNull();
});

test.each([1013, 4008, 1006])("after %i it does, soon", (code) => {
  expect(afterClose(code, 0, 1).pause).toBeLessThanOrEqual(1000);
});

test("a key that was revoked and a refused handshake are asked about by HTTP", () => {
  expect([isUnexplained(1008, true), isUnexplained(1006, false), isUnexplained(1006, true)]).toEqual([true, true, false]);
});
