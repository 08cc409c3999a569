import { beforeEach, describe, expect, it } from "vitest";
import type { Build } from "~/api/types";
import { aBuild } from "~/builds/sample";
import { partOf, type Cell, type Part, type Row } from "./model";
import { patched, told, withRows } from "./patch";
import { answer } from "./sample";

let part: Part;

beforeEach(async () => {
  part = await partOf(answer(), [], () => Promise.resolve());
});

function build(changes: Partial<Build> = {}): Build {
  return aBuild(10, { pipeline_id: 1, commit_sha: "a", repository: "acme/web", branch: "main", status: "failed", ...changes });
}

function cellWith(changes: Partial<Cell> = {}): Cell {
  return { status: "failed", former: null, isFlaky: false, failure: "test", buildId: 10, duration: 60, builds: 1, attempts: 1, webUrl: null, ...changes };
}

describe("an event", () => {
  it("changes the cell of its commit and pipeline, and nothing else", () => {
    const before = part.rows;
    const { parts, commits } = told([part], [build({ status: "running", attempt: 2 })], {});
    const after = parts[0]?.rows ?? [];
    expect(after[0]?.cells.get("1")).toMatchObject({ status: "running", former: "failed", attempts: 2 });
    expect([...(after[0]?.cells ?? [])].filter(([key, cell]) => before[0]?.cells.get(key) !== cell).map(([key]) => key)).toEqual(["1"]);
    expect(after.slice(1)).toEqual(before.slice(1));
    expect(after[1]).toBe(before[1]);
    expect(commits).toEqual(["a"]);
  });

  it("of another branch, another place or a pipeline without a column leaves the grid as it is", () => {
    const others = [build({ branch: "feature" }), build({ repository: "acme/api" }), build({ commit_sha: null })];
    const { parts, commits, isStrange } = told([part], others, { repository: "acme/web" });
    expect(parts[0]).toBe(part);
    expect([commits, isStrange]).toEqual([[], false]);
    expect(told([part], [build({ pipeline_id: 9 })], {})).toMatchObject({ commits: [], isStrange: true });
  });

  it("of a branch that was asked for counts, whatever the pipeline's own is", () => {
    expect(told([part], [build({ branch: "feature" })], { branch: "feature" }).commits).toEqual(["a"]);
  });

  it("of a commit that is not there yet has it asked for", () => {
    const { parts, commits } = told([part], [build({ commit_sha: "new" })], {});
    expect([parts[0], commits]).toEqual([part, ["new"]]);
  });
});

describe("an event before the first answer", () => {
  it("has its commit asked for, and not everything", () => {
    expect(told([], [build()], {})).toEqual({ parts: [], commits: ["a"], isStrange: false });
  });
});

describe("a cell", () => {
  const after = (before: Cell | undefined, changes: Partial<Build>): Partial<Cell> | undefined => patched(before, build(changes));

  it("that runs shows what it was before, and its end nothing of that", () => {
    const running = patched(cellWith({ status: "succeeded", failure: null }), build({ status: "running" }));
    expect(running).toMatchObject({ status: "running", former: "succeeded" });
    expect(after(running, { status: "failed" })).toMatchObject({ status: "failed", former: null });
  });

  it("that passes after a failure is flaky, and has no failure any more", () => {
    const running = patched(cellWith(), build({ status: "running", attempt: 2 }));
    expect(after(running, { status: "succeeded", attempt: 2 })).toMatchObject({ status: "succeeded", isFlaky: true, failure: null, attempts: 2 });
  });

  it("lets cancelled lose to a result from before", () => {
    expect(after(cellWith(), { status: "cancelled" })).toMatchObject({ status: "failed", failure: "test" });
    expect(after(undefined, { status: "cancelled" })).toMatchObject({ status: "cancelled", builds: 1 });
  });

  it("counts another build of its commit, and is of the newest", () => {
    expect(after(cellWith(), { id: 11, status: "queued" })).toMatchObject({ status: "queued", buildId: 11, builds: 2, attempts: 2 });
    const cell = cellWith();
    expect(after(cell, { id: 9, status: "succeeded" })).toBe(cell);
  });

  it("stays where only the server can tell", () => {
    const cell = cellWith();
    expect(after(cell, { status: "unknown" })).toBe(cell);
    expect(after(cell, { status: "running", stale_since: "2026-11-20T12:00:00Z" })).toBe(cell);
  });
});

describe("an answer about commits", () => {
  const answered = async (sha: string, at: string): Promise<Part> => {
    const whole = answer();
    const commits = [{ sha, message: sha, author: "ada", repository: "acme/web", queued_at: at }];
    const cells = whole.cells.filter((cell) => cell.commit === 0).map((cell) => ({ ...cell, status: "succeeded" as const }));
    return partOf({ ...whole, commits, cells }, [part], () => Promise.resolve());
  };

  it("brings a known one in place", async () => {
    const [after] = withRows([part], await answered("b", "2026-11-20T12:00:00Z"));
    expect(after?.rows.map((row) => [row.commit.sha, row.cells.get("1")?.status])).toEqual([["a", "failed"], ["b", "succeeded"], ["c", "succeeded"]]);
    expect(after?.rows[0]).toBe(part.rows[0]);
  });

  it("puts a new one where its first build puts it", async () => {
    const [after] = withRows([part], await answered("new", "2026-11-20T12:01:00Z"));
    expect(after?.rows.map((row) => row.commit.sha)).toEqual(["new", "a", "b", "c"]);
  });

  it("leaves one from below to the part that is not asked for yet", async () => {
    const old = await answered("old", "2026-11-20T11:00:00Z");
    expect(withRows([{ ...part, next: "cursor" }], old)[0]?.rows.map((row) => row.commit.sha)).toEqual(["a", "b", "c"]);
    expect(withRows([part], old)[0]?.rows.map((row) => row.commit.sha)).toEqual(["a", "b", "c", "old"]);
  });

  it("leaves the cells of a pipeline that is no longer among those answered, and takes away what one among them lacks", async () => {
    const whole = answer();
    const [ci] = whole.pipelines;
    const cell = whole.cells.find((one) => one.commit === 0);
    if (ci === undefined || cell === undefined) throw new Error("the sample has no such cell");
    const shipped = (row: Row): Row => ({ ...row, cells: new Map(row.cells).set("2", cellWith({ buildId: 20 })) });
    const before = { ...part, rows: part.rows.map(shipped) };
    const jobs = Object.fromEntries(Object.entries(whole.job_cells).map(([name, values]) => [name, values.slice(0, 1)])) as typeof whole.job_cells;
    const [after] = withRows([before], await partOf({ ...whole, pipelines: [ci], cells: [{ ...cell, status: "succeeded" }], job_cells: jobs }, [before], () => Promise.resolve()));
    expect([...(after?.rows[0]?.cells.keys() ?? [])].toSorted()).toEqual(["1", "1/lint", "2"]);
    expect(after?.rows[0]?.cells.get("2")?.buildId).toBe(20);
    expect(after?.rows[0]?.cells.get("1")?.status).toBe("succeeded");
  });

  it("gives a job that was never seen before a column", async () => {
    const whole = answer();
    whole.pipelines[0]?.jobs.push({ name: "docs", stage: null, last: null });
    const [after] = withRows([part], await partOf(whole, [part], () => Promise.resolve()));
    expect(after?.columns.map(({ key }) => key)).toContain("1/docs");
  });
});
