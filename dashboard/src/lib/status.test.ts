import { expect, it } from "vitest";
import { activeWords } from "./status";

it("says of open builds what all of them do, those that run first", () => {
  expect(activeWords({ blocked: 1, queued: 1200, running: 2 })).toBe("2 running, 1 waiting, 1,200 queued");
  expect(activeWords({ blocked: 1, queued: 0, running: 2 })).toBe("2 running, 1 waiting");
});

it("says so where there is none", () => {
  expect(activeWords({})).toBe("nothing runs or waits");
});
