/** What is known of each pipeline, put side by side, narrowed, sorted and grouped. Pure. */
import type { Pipeline } from "~/api/types";
import { stripBars, type StripBar } from "~/charts/strip_bars";
import { grouped } from "~/lib/group";
import { count, whole } from "~/lib/numbers";
import type { Reasons } from "~/shell/stale";
import type { Flaky, Groups, Slowdowns } from "./types";

export type Figures = Groups["groups"][number];
export type Flakiness = Flaky["pipelines"][number];
export type SlowPipeline = Slowdowns["pipelines"][number];

export interface Row {
  pipeline: Pipeline;
  bars: readonly StripBar[];
  isBroken: boolean;
  /** Over the window; undefined where it had no builds, or is not among those counted. */
  figures: Figures | undefined;
  flaky: Flakiness | undefined;
  slower: SlowPipeline | undefined;
  /** Why its builds may be older than they look. */
  staleReason: string | undefined;
}

export interface Known {
  pipelines: readonly Pipeline[];
  groups: Groups | undefined;
  flaky: Flaky | undefined;
  slowdowns: Slowdowns | undefined;
  /** By pipeline. */
  stale: Reasons;
}

export function rowsOf({ pipelines, groups, flaky, slowdowns, stale }: Known): Row[] {
  const figures = new Map(groups?.groups.map((one) => [one.pipeline_id, one]));
  const flakes = new Map(flaky?.pipelines.map((one) => [one.pipeline_id, one]));
  const slow = new Map(slowdowns?.pipelines.filter((one) => one.is_slower).map((one) => [one.pipeline_id, one]));
  return pipelines.map((pipeline) => ({
    pipeline,
    bars: stripBars(pipeline),
    isBroken: pipeline.health.is_broken === true,
    figures: figures.get(pipeline.id),
    flaky: flakes.get(pipeline.id),
    slower: slow.get(pipeline.id),
    staleReason: stale.get(pipeline.id),
  }));
}

export const KINDS = ["all", "broken", "flaky", "slower"] as const;
export type Kind = (typeof KINDS)[number];

export function isOfKind(row: Row, kind: Kind): boolean {
  if (kind === "broken") return row.isBroken;
  if (kind === "flaky") return row.flaky !== undefined;
  return kind === "all" || row.slower !== undefined;
}

/** Each word has to be in the pipeline's name or its repository's. */
export function isNamed(row: Row, words: string): boolean {
  const name = `${row.pipeline.name} ${row.pipeline.repository ?? ""} ${row.pipeline.provider}`.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => name.includes(word));
}

/** `18 pipelines`, or `7 of 18 pipelines` where some are filtered away. */
export function countWords(shown: number, all: number): string {
  const words = count(all, "pipeline");
  return shown === all ? words : `${whole(shown)} of ${words}`;
}

export const SORTS = ["health", "name", "success", "p50", "p95", "flaky", "last"] as const;
export type Sort = (typeof SORTS)[number];

export interface Order {
  by: Sort;
  isReversed: boolean;
}

/** As the address has it: `p95`, or `-p95` the other way round. */
export function orderOf(text: string | null): Order {
  const isReversed = text?.startsWith("-") ?? false;
  const by = SORTS.find((sort) => sort === (isReversed ? text?.slice(1) : text));
  return by === undefined ? { by: "health", isReversed: false } : { by, isReversed };
}

export function orderText(order: Order): string | null {
  if (order.by === "health" && !order.isReversed) return null;
  return order.isReversed ? `-${order.by}` : order.by;
}

/** What is worth a look comes first; what is not known comes last, either way. */
const VALUES: Readonly<Record<Exclude<Sort, "name">, (row: Row) => number | null>> = {
  health: (row) => (row.pipeline.health.verdict === null ? 2 : row.isBroken ? 0 : 1),
  success: (row) => row.figures?.success_rate ?? null,
  p50: (row) => negative(row.figures?.duration_seconds.p50),
  p95: (row) => negative(row.figures?.duration_seconds.p95),
  flaky: (row) => negative(row.flaky?.rate),
  last: (row) => negative(row.pipeline.last_build === null ? null : Date.parse(row.pipeline.last_build.queued_at)),
};

function negative(value: number | null | undefined): number | null {
  return value === null || value === undefined ? null : -value;
}

export function sorted(rows: readonly Row[], { by, isReversed }: Order): Row[] {
  const sign = isReversed ? -1 : 1;
  if (by === "name") return [...rows].sort((one, other) => sign * byName(one, other));
  const value = VALUES[by];
  return [...rows].sort((one, other) => byValue(value(one), value(other), sign) || byName(one, other));
}

function byValue(one: number | null, other: number | null, sign: number): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  return sign * (one - other);
}

function byName(one: Row, other: Row): number {
  return one.pipeline.name.localeCompare(other.pipeline.name) || (one.pipeline.repository ?? "").localeCompare(other.pipeline.repository ?? "");
}

export interface Group {
  repository: string | null;
  provider: string;
  rows: readonly Row[];
  broken: number;
}

/** In the order of the first row of each. */
export function byRepository(rows: readonly Row[]): Group[] {
  const groups = grouped(rows, ({ pipeline }) => `${pipeline.provider} ${pipeline.instance} ${pipeline.repository ?? ""}`);
  return [...groups.values()].flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    return [{ repository: first.pipeline.repository, provider: first.pipeline.provider, rows: members, broken: members.filter((row) => row.isBroken).length }];
  });
}
