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
  last: Last | null;
}

export interface Row {
  commit: WaterfallCommit;
  cells: ReadonlyMap<string, Cell>;
}

export interface Grid {
  rows: readonly Row[];
  columns: readonly Column[];
  isWhole: boolean;
}

/** Later answers hold older commits; a column is the same one in each by its pipeline and job. */
export function gridOf(answers: readonly Waterfall[]): Grid {
  const columns = new Map<string, Column>();
  const rows: Row[] = [];
  for (const answer of answers) {
    const names = answer.pipelines.map((pipeline) => named(pipeline, columns));
    const cells = answer.commits.map(() => new Map<string, Cell>());
    fillPipelines(answer, names, cells);
    fillJobs(answer, names, cells);
    answer.commits.forEach((commit, place) => rows.push({ commit, cells: cells[place] ?? new Map() }));
  }
  const isWhole = answers.every((answer) => answer.has_all_pipelines && answer.has_all_jobs);
  return { rows, columns: ordered(columns), isWhole };
}

interface Keys {
  pipeline: string;
  jobs: readonly string[];
}

function named(pipeline: WaterfallPipeline, columns: Map<string, Column>): Keys {
  const of = { pipelineId: pipeline.id, pipeline: pipeline.name, repository: pipeline.repository };
  const own = `${pipeline.id}`;
  keep(columns, { key: own, name: pipeline.name, stage: null, isPipeline: true, last: pipeline.last, ...of });
  const jobs = pipeline.jobs.map((job) => {
    const key = `${own}/${job.name}`;
    keep(columns, { key, name: job.name, stage: job.stage, isPipeline: false, last: job.last, ...of });
    return key;
  });
  return { pipeline: own, jobs };
}

function keep(columns: Map<string, Column>, column: Column): void {
  if (!columns.has(column.key)) columns.set(column.key, column);
}

/** A job that only an older page knows stands with the others of its pipeline all the same. */
function ordered(columns: ReadonlyMap<string, Column>): Column[] {
  const byPipeline = new Map<number, Column[]>();
  for (const column of columns.values()) {
    const of = byPipeline.get(column.pipelineId);
    if (of === undefined) byPipeline.set(column.pipelineId, [column]);
    else of.push(column);
  }
  return [...byPipeline.values()].flat();
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

function fillJobs(answer: Waterfall, names: readonly Keys[], cells: readonly Map<string, Cell>[]): void {
  const of = answer.job_cells;
  of.commit.forEach((commit, place) => {
    const key = names[of.pipeline[place] ?? -1]?.jobs[of.job[place] ?? -1];
    const status = of.status[place];
    if (key === undefined || status === undefined) return;
    cells[commit]?.set(key, {
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
  });
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
