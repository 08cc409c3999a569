import { describe, expect, it } from "vitest";
import { columnsOf, letters, merged, partOf, type Cell, type Column, type Part, type Row } from "./model";
import { cellOf, groupsOf, readPatterns, shown, written } from "./groups";
import { AT, answer } from "./sample";
import type { Waterfall } from "./types";
import { walked } from "./walk";

async function gridOf(answers: readonly Waterfall[]): Promise<{ rows: Row[]; columns: Column[] }> {
  const parts = await Promise.all(answers.map((one) => partOf(one, [], breath)));
  return { rows: parts.flatMap((part) => part.rows), columns: columnsOf(parts) };
}

function breath(): Promise<void> {
  return Promise.resolve();
}

function cellsOf({ cells }: Waterfall, commit: number): Waterfall["cells"][number] {
  const found = cells.find((cell) => cell.commit === commit);
  if (found === undefined) throw new Error(`no cell of commit ${commit}`);
  return found;
}

function cellWith(status: Cell["status"], changes: Partial<Cell> = {}): Cell {
  return { status, former: null, isFlaky: false, failure: null, buildId: 1, duration: null, builds: null, attempts: null, webUrl: null, ...changes };
}

const ALL = { filter: "", hidesGreen: false, hidesUnused: false, open: new Set<string>() };

describe("the grid", () => {
  it("has a row for each commit and a column for each pipeline and each of its jobs", async () => {
    const grid = await gridOf([answer()]);
    expect(grid.rows.map((row) => row.commit.sha)).toEqual(["a", "b", "c"]);
    expect(grid.columns.map((column) => column.key)).toEqual(["1", "1/lint", "1/test (3.11)", "1/test (3.12)", "2", "2/ship"]);
    expect(grid.rows[0]?.cells.get("1/test (3.11)")?.status).toBe("failed");
  });

  it("puts older commits below, and a job that only they know beside the others of its pipeline", async () => {
    const older = answer({ commits: [{ sha: "old", message: null, author: null, repository: null, queued_at: AT }], cells: [] });
    older.pipelines[0]?.jobs.unshift({ name: "docs", stage: null, last: null });
    older.job_cells = { ...older.job_cells, commit: [0], pipeline: [0], job: [0], status: ["succeeded"] };
    const grid = await gridOf([answer(), older]);
    expect(grid.rows.at(-1)?.cells.get("1/docs")?.status).toBe("succeeded");
    expect(grid.columns.map((column) => column.key)).toEqual(["1", "1/lint", "1/test (3.11)", "1/test (3.12)", "1/docs", "2", "2/ship"]);
  });

  it("keeps every row, cell and column that says the same", async () => {
    const before = await partOf(answer(), [], breath);
    expect((await partOf(answer(), [before], breath)).rows).toEqual(before.rows);
    const other = answer();
    other.job_cells.status[1] = "succeeded";
    const after: Part = await partOf(other, [before], breath);
    expect(after.columns.every((column, place) => column === before.columns[place])).toBe(true);
    expect(after.rows.map((row, place) => row === before.rows[place])).toEqual([false, true, true]);
    expect(after.rows[0]?.cells.get("1/lint")).toBe(before.rows[0]?.cells.get("1/lint"));
    expect(after.rows[0]?.cells.get("1/test (3.11)")?.status).toBe("succeeded");
  });

  it("gives equal failures the same letter, and none to one that stands alone", async () => {
    const grid = await gridOf([answer()]);
    expect([...letters(grid.rows, grid.columns)]).toEqual([["test (3.11)", "A"]]);
    const alone = await gridOf([answer({ cells: answer().cells.slice(1) })]);
    expect(letters(alone.rows, alone.columns).size).toBe(0);
  });

  it("keeps the letters when a commit arrives on top", async () => {
    const failing = (commit: number, failure: string) => ({ ...cellsOf(answer(), commit), commit, failure });
    const before = await gridOf([answer({ cells: [failing(1, "lint"), failing(2, "lint")] })]);
    const after = await gridOf([answer({ cells: [failing(0, "test"), failing(1, "lint"), failing(2, "lint")] })]);
    expect([...letters(before.rows, before.columns)]).toEqual([["lint", "A"]]);
    expect(letters(after.rows, after.columns)).toEqual(letters(before.rows, before.columns));
  });
});

describe("a merged verdict", () => {
  it("is the failure, whatever else is there", () => {
    expect(merged([cellWith("succeeded"), cellWith("running"), cellWith("failed")])?.status).toBe("failed");
  });

  it("lets cancelled lose to a real result", () => {
    expect(merged([cellWith("cancelled"), cellWith("succeeded")])?.status).toBe("succeeded");
  });

  it("is flaky where one of them is, takes as long as the longest, and names each failure once", () => {
    const all = [cellWith("failed", { failure: "b", duration: 3 }), cellWith("failed", { failure: "b" }), cellWith("failed", { failure: "a", isFlaky: true, duration: 9 })];
    expect(merged(all)).toMatchObject({ isFlaky: true, failure: "a, b", duration: 9 });
  });

  it("of nothing is nothing", () => {
    expect(merged([])).toBeUndefined();
  });
});

describe("groups", () => {
  it("are a pipeline's stages, what stands before a matrix, and the rest of its jobs", async () => {
    const names = groupsOf((await gridOf([answer()])).columns, []).map((group) => [group.owner?.pipeline, group.name]);
    expect(names).toEqual([["ci", "ci"], ["ci", "jobs"], ["ci", "test"], ["deploy", "deploy"], ["deploy", "release"]]);
  });

  it("by a pattern come first and take columns of any pipeline", async () => {
    const [first] = groupsOf((await gridOf([answer()])).columns, [{ name: "checks", pattern: "lint|ship" }]);
    expect(first?.columns.map((column) => column.key)).toEqual(["1/lint", "2/ship"]);
  });

  it("are one column until they are opened", async () => {
    const grid = await gridOf([answer()]);
    const groups = groupsOf(grid.columns, []);
    expect(shown(groups, grid.rows, ALL).map((column) => column.name)).toEqual(["ci", "lint", "test", "deploy", "ship"]);
    const open = new Set(["1 prefix test"]);
    expect(shown(groups, grid.rows, { ...ALL, open }).map((column) => column.name)).toEqual(["ci", "lint", "test (3.11)", "test (3.12)", "deploy", "ship"]);
  });

  it("show the merged verdict of what they hold", async () => {
    const grid = await gridOf([answer()]);
    const column = shown(groupsOf(grid.columns, []), grid.rows, ALL).find((one) => one.name === "test");
    const [row] = grid.rows;
    expect(row && column && cellOf(row, column)).toMatchObject({ status: "failed", isFlaky: true });
  });

  it("lose what is green or never ran where that is wished", async () => {
    const grid = await gridOf([answer()]);
    const groups = groupsOf(grid.columns, []);
    const names = (changes: object) => shown(groups, grid.rows, { ...ALL, ...changes }).map((column) => column.name);
    expect(names({ hidesUnused: true })).toEqual(["ci", "lint", "test"]);
    expect(names({ hidesGreen: true })).toEqual(["ci", "test", "deploy", "ship"]);
    expect(names({ filter: "deploy" })).toEqual(["deploy", "ship"]);
  });

  it("lose what is idle and was green when it ran last, where green is hidden", async () => {
    const grid = await gridOf([answer()]);
    const last = { build_id: 1, queued_at: "2026-11-20T12:00:00Z", commit_sha: null, web_url: null };
    const idle = grid.columns.map((column) => (column.name === "deploy" ? { ...column, last: { ...last, status: "succeeded" as const } } : column.name === "ship" ? { ...column, last: { ...last, status: "failed" as const } } : column));
    expect(shown(groupsOf(idle, []), grid.rows, { ...ALL, hidesGreen: true }).map((column) => column.name)).toEqual(["ci", "test", "ship"]);
  });
});

describe("patterns", () => {
  it("are read back as they were written", () => {
    const patterns = [{ name: "linux", pattern: "linux|ubuntu" }, { name: "docs", pattern: "docs = x" }];
    expect(readPatterns(written(patterns))).toEqual({ patterns, mistakes: [] });
  });

  it("say which line is wrong, and why", () => {
    const { patterns, mistakes } = readPatterns("good = a\nno name\nbad = ");
    expect(patterns).toEqual([{ name: "good", pattern: "a" }]);
    expect(mistakes).toEqual(["Line 2 has no name: write “name = words”.", "Line 3 has no words after “=”."]);
  });
});

describe("walking", () => {
  it("stays within the grid", () => {
    expect(walked({ row: 0, column: 0 }, "ArrowUp", 3, 2)).toEqual({ row: 0, column: 0 });
    expect(walked({ row: 1, column: 0 }, "ArrowRight", 3, 2)).toEqual({ row: 1, column: 1 });
    expect(walked({ row: 1, column: 0 }, "PageDown", 3, 2)).toEqual({ row: 2, column: 0 });
    expect(walked({ row: 1, column: 1 }, "Home", 3, 2)).toEqual({ row: 1, column: 0 });
    expect(walked({ row: 1, column: 1 }, "x", 3, 2)).toBeNull();
  });
});
