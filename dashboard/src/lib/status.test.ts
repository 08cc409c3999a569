import { expect, it } from "vitest";
import { activeWords } from "./status";

it("says of open builds what all of them do, those that run first", () => {
  expect(activeWords({ by_status: { blocked: 1, queued: 1200, running: 2 }, stale: 0 })).toBe("2 running, 1 waiting, 1,200 queued");
  expect(activeWords({ by_status: { blocked: 1, queued: 0, running: 2 }, stale: 0 })).toBe("2 running, 1 waiting");
});

it("says so where there is none", () => {
  expect(activeWords({ by_status: {}, stale: 0 })).toBe("nothing runs or waits");
});

it("names those apart that are open on record alone", () => {
  expect(activeWords({ by_status: { running: 2 }, stale: 1149 })).toBe("2 running; 1,149 stale");
});
