/** Answers of the waterfall as one grid: rows of commits, columns of pipelines and their jobs. Pure. */
import type { Status } from "~/api/types";
import type { Last, Waterfall, WaterfallCommit, WaterfallPipeline } from "./types";

export interface Cell {
  status: Status;
  former: Status | null;
  isFlaky: boolean;
  failure: string | null;
  buildId: number;
  duration: number | null;
  /** Of a pipeline's cell alone. */
  builds: number | null;
  attempts: number | null;
  webUrl: string | null;
}

export interface Column {
  key: string;
  /** The job's name; the pipeline's own column bears the pipeline's. */
  name: string;
  stage: string | null;
  isPipeline: boolean;
  pipelineId: number;
  pipeline: string;
  repository: string | null;
  /** Of its pipeline: what is shown where the question names no branch; null: all of them. */
  defaultBranch: string | null;
  last: Last | null;
}

export interface Row {
  commit: WaterfallCommit;
  cells: ReadonlyMap<string, Cell>;
}

/** One answer, as rows and columns. */
export interface Part {
  rows: readonly Row[];
  columns: readonly Column[];
  hasAllJobs: boolean;
  hasAllPipelines: boolean;
  /** Where older commits are asked for; null at the end. */
  next: string | null;
}

/** So many jobs' cells are read at a time: a moment in which the page answers nobody, but a short one. */
const CELLS_AT_A_TIME = 2_000;

/** What an answer says. Where it says the same as what was `known`, that is what is returned, so that nobody paints it again. */
export async function partOf(answer: Waterfall, known: readonly Part[], breath: () => Promise<void>): Promise<Part> {
  const kept = new Map(known.flatMap(({ columns }) => columns.map((column) => [column.key, column])));
  const columns: Column[] = [];
  const keys = answer.pipelines.map((pipeline) => named(pipeline, columns, kept));
  const cells = answer.commits.map(() => new Map<string, Cell>());
  fillPipelines(answer, keys, cells);
  for (let start = 0; start < answer.job_cells.commit.length; start += CELLS_AT_A_TIME) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other is what it is for
    await breath();
    fillJobs(answer, keys, cells, start, start + CELLS_AT_A_TIME);
  }
  const before = new Map(known.flatMap(({ rows }) => rows.map((row) => [keyOf(row), row])));
  const rows = answer.commits.map((commit, place) => {
    const row = { commit, cells: cells[place] ?? new Map<string, Cell>() };
    return sameOr(row, before.get(keyOf(row)));
  });
  return { rows, columns, hasAllJobs: answer.has_all_jobs, hasAllPipelines: answer.has_all_pipelines, next: answer.next_cursor };
}

export function keyOf({ commit }: Row): string {
  return `${commit.repository} ${commit.sha}`;
}

/** Whether a commit alone does not say whose it is. */
export function hasSeveralRepositories(rows: readonly Row[]): boolean {
  return rows.some(({ commit }) => commit.repository !== rows[0]?.commit.repository);
}

/** The row as it was, where it says the same; else the new one with those cells that stayed. */
function sameOr(row: Row, before: Row | undefined): Row {
  if (before === undefined) return row;
  const cells = new Map([...row.cells].map(([key, cell]) => [key, equalOr(cell, before.cells.get(key))]));
  const isSame = cells.size === before.cells.size && [...cells].every(([key, cell]) => before.cells.get(key) === cell);
  return isSame && equalOr(row.commit, before.commit) === before.commit ? before : { commit: row.commit, cells };
}

function equalOr<Item extends object>(item: Item, before: Item | undefined): Item {
  if (before === undefined) return item;
  const names = Object.keys(item) as (keyof Item)[];
  return names.every((name) => item[name] === before[name]) ? before : item;
}

interface Keys {
  pipeline: string;
  jobs: readonly string[];
}

function named(pipeline: WaterfallPipeline, columns: Column[], kept: ReadonlyMap<string, Column>): Keys {
  const of = { pipelineId: pipeline.id, pipeline: pipeline.name, repository: pipeline.repository, defaultBranch: pipeline.default_branch };
  const add = (column: Column): void => void columns.push(sameColumnOr(column, kept.get(column.key)));
  const own = `${pipeline.id}`;
  add({ key: own, name: pipeline.name, stage: null, isPipeline: true, last: pipeline.last, ...of });
  const jobs = pipeline.jobs.map((job) => {
    const key = `${own}/${job.name}`;
    add({ key, name: job.name, stage: job.stage, isPipeline: false, last: job.last, ...of });
    return key;
  });
  return { pipeline: own, jobs };
}

function sameColumnOr(column: Column, before: Column | undefined): Column {
  const isSameLast = JSON.stringify(column.last) === JSON.stringify(before?.last);
  return before === undefined || !isSameLast ? column : equalOr({ ...column, last: before.last }, before);
}

/** Every column once, as the newest part has it; a job that only an older part knows stands with the others of its pipeline all the same. */
export function columnsOf(parts: readonly Part[]): Column[] {
  const byPipeline = new Map<number, Map<string, Column>>();
  for (const column of parts.flatMap(({ columns }) => columns)) {
    const of = byPipeline.get(column.pipelineId);
    if (of === undefined) byPipeline.set(column.pipelineId, new Map([[column.key, column]]));
    else if (!of.has(column.key)) of.set(column.key, column);
  }
  return [...byPipeline.values()].flatMap((of) => [...of.values()]);
}

function fillPipelines(answer: Waterfall, names: readonly Keys[], cells: readonly Map<string, Cell>[]): void {
  for (const cell of answer.cells) {
    const key = names[cell.pipeline]?.pipeline;
    if (key === undefined) continue;
    cells[cell.commit]?.set(key, {
      status: cell.status,
      former: cell.former,
      isFlaky: cell.is_flaky,
      failure: cell.failure,
      buildId: cell.build_id,
      duration: cell.duration_seconds,
      builds: cell.builds,
      attempts: cell.attempts,
      webUrl: cell.web_url,
    });
  }
}

function fillJobs(answer: Waterfall, names: readonly Keys[], cells: readonly Map<string, Cell>[], start: number, end: number): void {
  const of = answer.job_cells;
  for (let place = start; place < Math.min(end, of.commit.length); place += 1) {
    const key = names[of.pipeline[place] ?? -1]?.jobs[of.job[place] ?? -1];
    const status = of.status[place];
    if (key === undefined || status === undefined) continue;
    cells[of.commit[place] ?? -1]?.set(key, {
      status,
      former: of.former[place] ?? null,
      isFlaky: of.is_flaky[place] ?? false,
      failure: of.failure[place] ?? null,
      buildId: of.build_id[place] ?? 0,
      duration: of.duration_seconds[place] ?? null,
      builds: null,
      attempts: null,
      webUrl: null,
    });
  }
}

/** What of several matters most: what is broken, what is still to be waited for, a real result, then the rest. */
const WEIGHT: Readonly<Record<Status, number>> = {
  failed: 9, timed_out: 8, running: 7, blocked: 6, queued: 5, succeeded: 4, cancelled: 3, unknown: 2, skipped: 1,
};

export function merged(cells: readonly Cell[]): Cell | undefined {
  const [first, ...others] = cells;
  if (first === undefined) return undefined;
  const worst = others.reduce((found, cell) => (WEIGHT[cell.status] > WEIGHT[found.status] ? cell : found), first);
  const failures = [...new Set(cells.flatMap((cell) => cell.failure ?? []))].sort();
  const durations = cells.flatMap((cell) => cell.duration ?? []);
  return {
    ...worst,
    isFlaky: cells.some((cell) => cell.isFlaky),
    failure: failures.length === 0 ? null : failures.join(", "),
    duration: durations.length === 0 ? null : Math.max(...durations),
  };
}

/**
 * Failures that occur more than once, each with a letter of its own. Counted from the oldest commit on, in the order in
 * which they recur: a commit that arrives on top gives no failure another letter.
 */
export function letters(rows: readonly Row[], columns: readonly Column[]): ReadonlyMap<string, string> {
  const met = new Set<string>();
  const found = new Map<string, string>();
  for (const { cells } of rows.toReversed()) {
    for (const { key, isPipeline } of columns) {
      const failure = isPipeline ? cells.get(key)?.failure : undefined;
      if (!failure) continue;
      if (met.has(failure) && !found.has(failure) && found.size < 26) found.set(failure, String.fromCharCode(65 + found.size));
      met.add(failure);
    }
  }
  return found;
}
