/** What happened, brought into the grid: an event changes the cell of its pipeline, an answer about commits their rows. Pure. */
import type { Query } from "~/api/request";
import type { Build, Status } from "~/api/types";
import { fits } from "~/builds/filter";
import { keyOf, type Cell, type Column, type Part, type Row } from "./model";

const OPEN: ReadonlySet<Status> = new Set(["queued", "blocked", "running"]);
const VERDICTS: ReadonlySet<Status> = new Set(["succeeded", "failed", "timed_out"]);
const BROKEN: ReadonlySet<Status> = new Set(["failed", "timed_out"]);

export interface Told {
  parts: readonly Part[];
  /** Commits of which an event does not tell everything: what their jobs came to, or where a new one stands. */
  commits: readonly string[];
  /** Something was built in a pipeline that has no column yet. */
  isStrange: boolean;
}

/** Builds as they are now. */
export function told(parts: readonly Part[], builds: Iterable<Build>, query: Query): Told {
  const pipelines = new Map(parts.flatMap(({ columns }) => columns.filter((column) => column.isPipeline).map((column) => [column.pipelineId, column])));
  // Before the first answer nothing says which pipelines have a column.
  const isUnknown = parts.length === 0;
  const hasAll = parts.every((part) => part.hasAllPipelines);
  const commits = new Set<string>();
  let [next, isStrange] = [parts, false];
  for (const build of builds) {
    if (build.commit_sha === null || fits(build, query) !== "yes") continue;
    const column = pipelines.get(build.pipeline_id);
    if (isUnknown) commits.add(build.commit_sha);
    else if (column === undefined) isStrange ||= hasAll;
    else if (isOnBranch(build, column, query)) {
      commits.add(build.commit_sha);
      next = mapRows(next, (row) => (row.commit.sha === build.commit_sha ? withCell(row, column.key, build) : row));
    }
  }
  return { parts: next, commits: [...commits], isStrange };
}

/** Where no branch is asked for, each pipeline shows its own. */
function isOnBranch(build: Build, { defaultBranch }: Column, query: Query): boolean {
  return Boolean(query.branch) || defaultBranch === null || defaultBranch === build.branch;
}

function withCell(row: Row, key: string, build: Build): Row {
  const before = row.cells.get(key);
  const cell = patched(before, build);
  return cell === undefined || cell === before ? row : { ...row, cells: new Map(row.cells).set(key, cell) };
}

/** A pipeline's cell with what its newest build came to; as it was where only the server can tell. */
export function patched(before: Cell | undefined, build: Build): Cell | undefined {
  const { status } = build;
  if (status === null || status === "unknown" || build.stale_since !== null) return before;
  if (before !== undefined && build.id < before.buildId) return before;
  const sum = { ...counts(before, build), buildId: build.id, duration: build.duration_seconds, webUrl: build.web_url };
  const decided = before === undefined ? null : OPEN.has(before.status) ? before.former : before.status;
  const [failure, isFlaky] = [before?.failure ?? null, before?.isFlaky ?? false];
  if (OPEN.has(status)) return { ...sum, status, former: decided, failure, isFlaky };
  if (!VERDICTS.has(status)) return { ...sum, status: decided !== null && VERDICTS.has(decided) ? decided : status, former: null, failure, isFlaky };
  if (BROKEN.has(status)) return { ...sum, status, former: null, failure, isFlaky: false };
  return { ...sum, status, former: null, failure: null, isFlaky: isFlaky || (decided !== null && BROKEN.has(decided)) };
}

/** Of the attempts of several builds only the sum is known: the newest build's own are not. */
function counts(before: Cell | undefined, build: Build): Pick<Cell, "builds" | "attempts"> {
  if (before === undefined || before.builds === null || before.attempts === null) return { builds: 1, attempts: build.attempt };
  if (build.id > before.buildId) return { builds: before.builds + 1, attempts: before.attempts + build.attempt };
  return { builds: before.builds, attempts: before.builds === 1 ? build.attempt : before.attempts };
}

/** Rows of an answer about some commits: known ones in place, new ones where their first build puts them. */
export function withRows(parts: readonly Part[], answer: Part): readonly Part[] {
  const changed = new Map(answer.rows.map((row) => [keyOf(row), row]));
  const answered = new Set(answer.columns.map((column) => column.pipelineId));
  // Pipelines that are no longer among those shown: nothing was said of them.
  const others = new Set(parts.flatMap(({ columns }) => columns.filter(({ pipelineId }) => !answered.has(pipelineId)).map(({ key }) => key)));
  const replaced = mapRows(parts, (row) => joined(row, changed.get(keyOf(row)), others));
  const known = new Set(parts.flatMap(({ rows }) => rows.map(keyOf)));
  const placed = answer.rows.filter((row) => !known.has(keyOf(row))).reduce(withRow, replaced);
  return withColumns(placed, answer.columns);
}

/** A row as it is answered now, with its cells of other columns as they were. */
function joined(before: Row, now: Row | undefined, others: ReadonlySet<string>): Row {
  if (now === undefined) return before;
  const kept = [...before.cells].filter(([key]) => others.has(key));
  return kept.length === 0 ? now : { ...now, cells: new Map([...kept, ...now.cells]) };
}

/** Above the first that is older. One from below the last row comes with the next part. */
function withRow(parts: readonly Part[], row: Row): readonly Part[] {
  const above = parts.findIndex(({ rows }) => rows.some((one) => isNewer(row, one)));
  const home = above === -1 && parts.at(-1)?.next === null ? parts.length - 1 : above;
  return parts.map((part, place) => {
    if (place !== home) return part;
    const older = part.rows.findIndex((one) => isNewer(row, one));
    return { ...part, rows: part.rows.toSpliced(older === -1 ? part.rows.length : older, 0, row) };
  });
}

function isNewer({ commit: one }: Row, { commit: other }: Row): boolean {
  const [at, otherAt] = [Date.parse(one.queued_at), Date.parse(other.queued_at)];
  return at === otherAt ? one.sha > other.sha : at > otherAt;
}

/** Jobs that were never seen before get a column. */
function withColumns(parts: readonly Part[], columns: readonly Column[]): readonly Part[] {
  const known = new Set(parts.flatMap((part) => part.columns.map(({ key }) => key)));
  const strange = columns.filter(({ key }) => !known.has(key));
  const [first, ...others] = parts;
  return strange.length === 0 || first === undefined ? parts : [{ ...first, columns: [...first.columns, ...strange] }, ...others];
}

/** Whatever stays the same stays the same object. */
function mapRows(parts: readonly Part[], change: (row: Row) => Row): readonly Part[] {
  const next = parts.map((part) => {
    const rows = part.rows.map(change);
    return rows.every((row, place) => row === part.rows[place]) ? part : { ...part, rows };
  });
  return next.every((part, place) => part === parts[place]) ? parts : next;
}
