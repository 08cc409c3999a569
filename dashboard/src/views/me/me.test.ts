import { expect, test } from "vitest";
import type { Incident } from "~/api/types";
import { aBuild } from "~/builds/sample";
import { ownDurations } from "./durations";
import { namesOr } from "./names";
import { failures, latest, suspects, told } from "./places";
import { findings, namesOfFailed, verdictOf, type Evidence } from "./reasons";

const NOTHING: Evidence = { incident: null, passed: null, failedJobs: ["unit"], elsewhere: new Map([["unit", 1]]) };
const INCIDENT = { id: 5, branch: "main", first_bad_build_id: 40 } as Incident;

function words(changes: Partial<Evidence>, build = aBuild(50, { branch: "fix/7" })): string {
  return verdictOf(findings(build, { ...NOTHING, ...changes })).word;
}

test("where nothing else fails alike, it is told that it fails here only", () => {
  expect(words({})).toBe("Only here");
});

test("a pass of the same commit weighs more than anything", () => {
  expect(words({ passed: aBuild(49), incident: INCIDENT })).toBe("Looks flaky");
});

test("on another branch than the broken one, that one is named", () => {
  expect(words({ incident: INCIDENT })).toBe("Default branch fails, too");
});

test("on the broken branch it counts whether it began here or before", () => {
  expect(words({ incident: INCIDENT }, aBuild(50, { branch: "main" }))).toBe("Broken before");
  expect(words({ incident: INCIDENT }, aBuild(40, { branch: "main" }))).toBe("Began with this build");
});

test("a job that fails on several branches is told with their number", () => {
  expect(findings(aBuild(50), { ...NOTHING, elsewhere: new Map([["unit", 4]]) })).toEqual([{ kind: "elsewhere", job: "unit", branches: 4 }]);
});

test("of jobs those that failed are named, each once", () => {
  const jobs = [{ name: "unit", status: "failed" }, { name: "lint", status: "succeeded" }, { name: "unit", status: "timed_out" }] as const;
  expect(namesOfFailed([...jobs])).toEqual(["unit"]);
});

test("a branch is suspected only while my newest verdict there is a failure", () => {
  const mine = [
    aBuild(9, { branch: "a", status: "running" }), aBuild(8, { branch: "a", status: "failed" }),
    aBuild(7, { branch: "b", status: "succeeded" }), aBuild(6, { branch: "b", status: "failed" }),
  ];
  expect(suspects(mine).map(({ id }) => id)).toEqual([8]);
  expect(latest(mine).map(({ id }) => id)).toEqual([8, 7]);
});

test("of a branch that fails again and again one failure is explained, the newest", () => {
  const mine = [aBuild(9, { status: "failed" }), aBuild(8, { status: "failed" }), aBuild(7, { status: "timed_out", branch: "b" })];
  expect(failures(mine, 5).map(({ id }) => id)).toEqual([9, 7]);
});

test("of too few builds no usual duration is claimed", () => {
  const builds = [10, 20, 60].map((seconds, place) => aBuild(place, { duration_seconds: seconds }));
  expect(ownDurations(builds)).toMatchObject([{ builds: 3, median: 20 }]);
  expect(ownDurations(builds.slice(1))).toEqual([]);
});

test("the middle of an even number of builds lies between two", () => {
  expect(ownDurations([10, 20, 40, 60].map((seconds, place) => aBuild(place, { duration_seconds: seconds })))[0]?.median).toBe(30);
});

test("whatever lies in the browser's storage, names are names, each once", () => {
  expect([namesOr(["ada", 7, "ada", " ", "bo"]), namesOr("ada"), namesOr(null)]).toEqual([["ada", "bo"], [], []]);
});

test("a list hears of changes, and stays the same object where it has none of them", () => {
  const kept = { builds: [aBuild(2), aBuild(1)], next_cursor: null, as_of: "2026-11-20T12:00:00Z", stale_sources: [] };
  expect(told(kept, new Map([[1, aBuild(1, { status: "failed" })]])).builds.map(({ status }) => status)).toEqual(["succeeded", "failed"]);
  expect(told(kept, new Map([[9, aBuild(9)]]))).toBe(kept);
});
