/** Which columns stand together: by patterns that a person wrote, else by stage or by the name before a matrix. Pure. */
import { merged, type Cell, type Column, type Row } from "./model";
import { matching } from "./words";

export interface Pattern {
  name: string;
  /** Words of `pipeline / job`. */
  pattern: string;
}

export type Owner = Pick<Column, "pipelineId" | "pipeline" | "repository">;

export interface Group {
  key: string;
  name: string;
  /** Whose jobs they are; null of a group by pattern, which may hold several pipelines'. */
  owner: Owner | null;
  columns: readonly Column[];
}

/** A column as it is drawn: one of a group, or a whole group as one. */
export interface Shown {
  key: string;
  name: string;
  group: Group;
  columns: readonly Column[];
  isGroup: boolean;
}

export function groupsOf(columns: readonly Column[], patterns: readonly Pattern[]): Group[] {
  const tests = patterns.flatMap(({ name, pattern }) => {
    const test = matching(pattern);
    return test === null || !name ? [] : [{ name, test }];
  });
  const groups = new Map<string, { name: string; owner: Owner | null; columns: Column[] }>();
  for (const { name } of tests) groups.set(`pattern ${name}`, { name, owner: null, columns: [] });
  const prefixes = sharedPrefixes(columns);
  for (const column of columns) {
    const wanted = tests.find(({ test }) => test(fullName(column)));
    const [key, name] = wanted === undefined ? usual(column, prefixes) : ([`pattern ${wanted.name}`, wanted.name] as const);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { name, owner: column, columns: [column] });
    else group.columns.push(column);
  }
  return [...groups].filter(([, group]) => group.columns.length > 0).map(([key, group]) => ({ key, ...group }));
}

export function fullName(column: Column): string {
  return column.isPipeline ? column.pipeline : `${column.pipeline} / ${column.name}`;
}

/** The key and the name of the group in which a column stands by itself. */
function usual(column: Column, prefixes: ReadonlySet<string>): readonly [string, string] {
  const own = `${column.pipelineId}`;
  if (column.isPipeline) return [own, column.pipeline];
  if (column.stage) return [`${own} stage ${column.stage}`, column.stage];
  const prefix = prefixOf(column.name);
  if (prefixes.has(`${own} ${prefix}`)) return [`${own} prefix ${prefix}`, prefix];
  return [`${own} jobs`, "jobs"];
}

/** `test (3.11, linux)` and `build / wheel` are parts of `test` and `build`. */
export function prefixOf(name: string): string {
  return name.split(/ ?[(/:]/, 1)[0]?.trim() || name;
}

function sharedPrefixes(columns: readonly Column[]): Set<string> {
  const times = new Map<string, number>();
  for (const column of columns) {
    if (column.isPipeline) continue;
    const key = `${column.pipelineId} ${prefixOf(column.name)}`;
    times.set(key, (times.get(key) ?? 0) + 1);
  }
  return new Set([...times].filter(([, count]) => count > 1).map(([key]) => key));
}

/** How the address says that no group is open: nothing there means the usual ones. */
export const NONE = "none";

export interface Wanted {
  filter: string;
  hidesGreen: boolean;
  hidesUnused: boolean;
  /** Groups that are shown column by column. */
  open: ReadonlySet<string>;
}

export function shown(groups: readonly Group[], rows: readonly Row[], wanted: Wanted): Shown[] {
  const test = matching(wanted.filter);
  return groups.flatMap((group): Shown[] => {
    const columns = group.columns.filter((column) => (test === null || test(fullName(column))) && isWanted(column, rows, wanted));
    if (columns.length === 0) return [];
    if (columns.length > 1 && !wanted.open.has(group.key)) {
      return [{ key: group.key, name: group.name, group, columns, isGroup: true }];
    }
    return columns.map((column) => ({ key: column.key, name: column.name, group, columns: [column], isGroup: false }));
  });
}

function isWanted(column: Column, rows: readonly Row[], { hidesGreen, hidesUnused }: Wanted): boolean {
  if (!hidesGreen && !hidesUnused) return true;
  const found = rows.flatMap(({ cells }) => cells.get(column.key) ?? []);
  // Idle: what came before stands in its head.
  if (found.length === 0) return !(hidesUnused && column.last === null) && !(hidesGreen && column.last?.status === "succeeded");
  return !hidesGreen || found.some((cell) => cell.status !== "succeeded" || cell.isFlaky);
}

export function cellOf(row: Row, column: Shown): Cell | undefined {
  const [only] = column.columns;
  if (only !== undefined && column.columns.length === 1) return row.cells.get(only.key);
  return merged(column.columns.flatMap(({ key }) => row.cells.get(key) ?? []));
}

/** Patterns as one line each, `name = words`, and back. */
export function written(patterns: readonly Pattern[]): string {
  return patterns.map(({ name, pattern }) => `${name} = ${pattern}`).join("\n");
}

export function readPatterns(text: string): { patterns: Pattern[]; mistakes: string[] } {
  const patterns: Pattern[] = [];
  const mistakes: string[] = [];
  text.split("\n").forEach((line, place) => {
    if (!line.trim()) return;
    const [before = "", ...after] = line.split("=");
    const [name, pattern] = [before.trim(), after.join("=").trim()];
    if (!name || after.length === 0) mistakes.push(`Line ${place + 1} has no name: write “name = words”.`);
    else if (matching(pattern) === null) mistakes.push(`Line ${place + 1} has no words after “=”.`);
    else patterns.push({ name, pattern });
  });
  return { patterns, mistakes };
}
