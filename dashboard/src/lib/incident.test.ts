import { describe, expect, test } from "vitest";
import { anIncident } from "~/views/incident/an_incident";
import { brokenFor, flapping, marksOf, often, placeOf, sinceThen } from "./incident";

const NOON = Date.parse("2026-11-20T12:00:00Z");

describe("the marks of an incident", () => {
  test("an ordinary one has none", () => {
    expect(marksOf(anIncident())).toEqual([]);
  });

  test("each mark says what it means", () => {
    const marks = marksOf(anIncident({ status: "flapping", flaps: 2, is_flaky: true, is_silent: true }));

    expect(marks.map((mark) => mark.name)).toEqual(["Flapping", "Flaky", "Silent"]);
    expect(marks[0]?.words).toContain("broken twice already in the hour before");
  });

  test("one that flapped and is fixed still says so", () => {
    expect(marksOf(anIncident({ status: "fixed", flaps: 1 })).map((mark) => mark.name)).toEqual(["Flapping"]);
  });
});

describe("how long it is broken", () => {
  test("an open one lasts until now", () => {
    expect(brokenFor(anIncident(), NOON + 90_000)).toBe(90);
  });

  test("a fixed one lasted until it was fixed, whatever the clock says now", () => {
    expect(brokenFor(anIncident({ fixed_at: "2026-11-20T12:00:30Z" }), NOON + 90_000)).toBe(30);
  });

  test("a provider's clock that is ahead makes no negative time", () => {
    expect(brokenFor(anIncident(), NOON - 5_000)).toBe(0);
  });
});

test("a pipeline that is called as its repository says where it runs instead", () => {
  expect(placeOf(anIncident())).toBe("acme/web");
  expect(placeOf(anIncident({ pipeline_name: "acme/web" }))).toBe("GitHub");
  expect(placeOf(anIncident({ repository: null, provider: "jenkins", instance: "jenkins-eu" }))).toBe("Jenkins jenkins-eu");
});

test("small numbers of times are words", () => {
  expect([1, 2, 3, 1200].map(often)).toEqual(["once", "twice", "3 times", "1,200 times"]);
});

test("that it was built again and failed is told from that no build has ended since", () => {
  expect(sinceThen(anIncident({ failures: 4 }))).toEqual({ words: "4 failures, last", isAgain: true });
  expect(sinceThen(anIncident({ failures: 1 }))).toEqual({ words: "1 failure, no result since", isAgain: false });
});

test("one that flaps may have been built again and passed", () => {
  expect(sinceThen(anIncident({ failures: 1, status: "flapping" })).words).toBe("1 failure");
});

test("what flapping is comes with how it was here", () => {
  expect(flapping(2)).toContain("broken twice already in the hour before. From the third time");
  expect(flapping(0)).toContain("three in a row end it");
});
