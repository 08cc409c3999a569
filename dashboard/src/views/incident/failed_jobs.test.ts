import { describe, expect, test } from "vitest";
import type { Job } from "~/api/types";
import { changed, failedIn } from "./failed_jobs";

function named(...names: string[]): { name: string }[] {
  return names.map((name) => ({ name }));
}

function aJob(changes: Partial<Job>): Job {
  return { id: 1, attempt: 1, external_id: "1", name: "unit", stage: null, status: "failed", raw_status: "failure", queued_at: null, started_at: null, finished_at: null, duration_seconds: null, runner: null, web_url: null, ...changes };
}

test("only the failed and timed-out jobs of the attempt count", () => {
  const jobs = [aJob({ id: 1 }), aJob({ id: 2, status: "timed_out" }), aJob({ id: 3, status: "succeeded" }), aJob({ id: 4, attempt: 2 }), aJob({ id: 5, status: "cancelled" })];

  expect(failedIn(jobs, 1).map((job) => job.id)).toEqual([1, 2]);
});

describe("between the first failure and the last", () => {
  test("the same jobs are said to be the same, in whatever order", () => {
    expect(changed(named("unit"), named("unit"))).toBe("The same job fails since.");
    expect(changed(named("unit", "lint"), named("lint", "unit"))).toBe("The same jobs fail since.");
  });

  test("what came and what went is named", () => {
    expect(changed(named("unit", "lint"), named("unit"))).toBe("By the last failure “lint” passed again.");
    expect(changed(named("unit"), named("unit", "lint", "arm"))).toBe("By the last failure “lint” and “arm” failed, too.");
    expect(changed(named("unit"), named("lint"))).toBe("By the last failure it was another one: “lint” failed, “unit” no longer.");
  });

  test("many are counted behind the first three", () => {
    expect(changed(named("unit"), named("unit", "a", "b", "c", "d", "e"))).toBe("By the last failure “a”, “b”, “c” and 2 more failed, too.");
  });

  test("where no failed job is known on a side, nothing is claimed", () => {
    expect(changed([], named("unit"))).toBeNull();
    expect(changed(named("unit"), [])).toBeNull();
  });
});
