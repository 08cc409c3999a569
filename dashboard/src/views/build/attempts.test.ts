import { describe, expect, test } from "vitest";
import { aJob } from "./a_job";
import { changes, compared, firstToRead } from "./attempts";

describe("attempts side by side", () => {
  const first = [aJob("lint", [0, 1, 4]), aJob("unit", [0, 1, 9], { status: "failed" }), aJob("package", [0, null, null], { status: "skipped" })];
  const second = [aJob("unit", [20, 21, 27], { attempt: 2 }), aJob("package", [27, 28, 30], { attempt: 2 })];

  test("have a row for each job, with a gap where an attempt did not run it again", () => {
    const rows = compared([...first, ...second], [1, 2]);
    expect(rows.map((row) => [row.name, row.jobs.map((job) => job?.status ?? null), row.differs])).toEqual([
      ["lint", ["succeeded", null], false],
      ["unit", ["failed", "succeeded"], true],
      ["package", ["skipped", "succeeded"], true],
    ]);
  });

  test("keep jobs of one name in two stages apart", () => {
    expect(compared([aJob("run", [0, 1, 2], { stage: "a" }), aJob("run", [0, 1, 2], { stage: "b" })], [1])).toHaveLength(2);
  });

  test("tell how much longer a job took than the time before it ran", () => {
    const jobs = [aJob("a", [0, 0, 10]), null, aJob("a", [0, 0, 13]), aJob("a", [0, 1, null]), aJob("a", [0, 0, 8])];
    expect(changes(jobs)).toEqual([null, null, 3, null, -5]);
  });
});

describe("the log to read first", () => {
  test("is that of the first job that failed", () => {
    const jobs = [aJob("late", [0, 1, 2], { status: "timed_out" }), aJob("lint", [0, 1, 4]), aJob("unit", [0, 1, 9], { status: "failed", id: 42 })];
    expect(firstToRead(jobs)).toBe(42);
  });

  test("is that of what runs while nothing failed", () => {
    expect(firstToRead([aJob("lint", [0, 1, 4]), aJob("unit", [0, 1, null], { status: "running", id: 7 })])).toBe(7);
  });

  test("is all of it where everything went well", () => {
    expect(firstToRead([aJob("lint", [0, 1, 4])])).toBeNull();
  });
});
