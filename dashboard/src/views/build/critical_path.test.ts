import { describe, expect, test } from "vitest";
import { NOON, aJob } from "./a_job";
import { criticalPath } from "./critical_path";

const LATER = NOON + 3_600_000;

function names(...jobs: Parameters<typeof criticalPath>[0]): string[] {
  return criticalPath(jobs, LATER).map((step) => step.job.name);
}

describe("the critical path", () => {
  test("is the one job where there is one", () => {
    expect(criticalPath([aJob("build", [0, 3, 10])], LATER)).toMatchObject([{ job: { name: "build" }, waitMs: 3000, runMs: 7000 }]);
  });

  test("goes from the job that ended last back over what ended last before it began", () => {
    expect(names(aJob("lint", [0, 1, 4]), aJob("unit", [0, 1, 9]), aJob("package", [9, 10, 15]), aJob("notify", [4, 5, 8]))).toEqual(["unit", "package"]);
  });

  test("leaves out what ran beside it", () => {
    expect(names(aJob("slow", [0, 0, 30]), aJob("quick", [0, 0, 5]), aJob("after quick", [5, 6, 20]))).toEqual(["slow"]);
  });

  test("counts the wait between two jobs and runs over gaps, however long", () => {
    const steps = criticalPath([aJob("build", [0, 2, 10]), aJob("approve and deploy", [10, 600, 660])], LATER);
    expect(steps.map((step) => step.waitMs)).toEqual([2000, 590_000]);
  });

  test("adds up to the time from the first creation to the end where nothing is rounded", () => {
    const steps = criticalPath([aJob("a", [0, 2, 10]), aJob("b", [10, 12, 20]), aJob("c", [0, 1, 3]), aJob("d", [20, 21, 40])], LATER);
    expect(steps.reduce((sum, step) => sum + step.waitMs + step.runMs, 0)).toBe(40_000);
  });

  test("takes a job that ended in the second in which the next began for the one before", () => {
    expect(names(aJob("build", [0, 1, 10]), aJob("test", [10, 10, 20]))).toEqual(["build", "test"]);
    expect(names(aJob("build", [0, 1, 11]), aJob("test", [10, 10, 20]))).toEqual(["test"]);
  });

  test("never goes round in circles, even among jobs of no length", () => {
    expect(names(aJob("a", [0, 0, 0]), aJob("b", [0, 0, 0]), aJob("c", [0, 0, 0]))).toHaveLength(1);
  });

  test("of a build that runs ends now, in the job that has run longest", () => {
    const steps = criticalPath([aJob("build", [0, 1, 10]), aJob("unit", [10, 12, null]), aJob("browser", [10, 11, null])], NOON + 60_000);
    expect(steps.map((step) => [step.job.name, step.runMs])).toEqual([["build", 9000], ["browser", 49_000]]);
  });

  test("passes over jobs that were skipped or never began", () => {
    expect(names(aJob("unit", [0, 1, 5]), aJob("package", [0, null, null]), aJob("deploy", [5, 6, 6], { status: "skipped" }))).toEqual(["unit"]);
  });

  test("is empty where no job began", () => {
    expect(names()).toEqual([]);
    expect(names(aJob("waits", [0, null, null]))).toEqual([]);
  });
});
