/** The figures of the cards: what each says, how it changed, what it counts and what it leaves out. Pure. */
import type { Bucket, Change, Overview } from "~/api/types";
import { count, percent, whole } from "~/lib/numbers";
import { activeWords } from "~/lib/status";
import { duration } from "~/lib/time";

export interface Turn {
  /** Said in words: the colour and the arrow only repeat it. */
  word: string;
  tone: "good" | "bad" | "none";
  direction: "up" | "down" | null;
}

export interface LeftOut {
  words: string;
  builds: number;
  link: string | undefined;
}

export interface Figure {
  key: string;
  label: string;
  value: string;
  turn: Turn | null;
  /** What was, and the builds behind it. */
  before: { value: string; link: string | undefined } | null;
  counted: string;
  leftOut: readonly LeftOut[];
  formula: string;
  link: string | undefined;
  /** Its course over the window; null of what is now, which has none. */
  run: { values: readonly (number | null)[]; words: string } | null;
}

type Kind = "share" | "seconds";

interface Recipe {
  key: string;
  label: string;
  kind: Kind;
  isMoreGood: boolean;
  value: (of: Overview | Bucket) => number | null;
  change: (trend: NonNullable<Overview["trend"]>) => Change;
  counted: (overview: Overview) => string;
  source: "success_rate" | "failure_rate" | "duration_seconds";
}

const RECIPES: readonly Recipe[] = [
  { key: "success", label: "Success rate", kind: "share", isMoreGood: true, value: (of) => of.success_rate, change: (trend) => trend.success_rate, counted: (of) => `${whole(of.counts.succeeded ?? 0)} of ${whole(of.verdicts)}`, source: "success_rate" },
  { key: "failure", label: "Failure rate", kind: "share", isMoreGood: false, value: (of) => of.failure_rate, change: (trend) => trend.failure_rate, counted: (of) => `${whole(broken(of))} of ${whole(of.verdicts)}`, source: "failure_rate" },
  { key: "average", label: "Average duration", kind: "seconds", isMoreGood: false, value: (of) => of.duration_seconds.average, change: (trend) => trend.duration_average, counted: timed, source: "duration_seconds" },
  { key: "p95", label: "p95 duration", kind: "seconds", isMoreGood: false, value: (of) => of.duration_seconds.p95, change: (trend) => trend.duration_p95, counted: timed, source: "duration_seconds" },
];

export function figuresOf(overview: Overview): Figure[] {
  return [...RECIPES.map((recipe) => figureOf(recipe, overview)), activeOf(overview)];
}

function figureOf(recipe: Recipe, overview: Overview): Figure {
  const { trend } = overview;
  const change = trend === null ? null : recipe.change(trend);
  const buckets = overview.series ?? [];
  const run = buckets.map(recipe.value);
  const leftOut = leftOutOf(overview);
  const untimed = overview.verdicts - overview.duration_seconds.builds;
  return {
    key: recipe.key,
    label: recipe.label,
    value: shown(recipe.value(overview), recipe.kind),
    turn: change === null ? null : turnOf(change, recipe.kind, recipe.isMoreGood),
    before: change?.before == null ? null : { value: shown(change.before, recipe.kind), link: trend?.links[recipe.source] },
    counted: recipe.counted(overview),
    leftOut: recipe.source === "duration_seconds" && untimed > 0 ? [{ words: "without a known duration", builds: untimed, link: untimedOf(overview.links[recipe.source]) }, ...leftOut] : leftOut,
    formula: overview.formula[recipe.source] ?? "",
    link: overview.links[recipe.source],
    run: { values: run, words: runWords(run, (value) => shown(value, recipe.kind)) },
  };
}

/** The same builds, but those whose duration nobody knows. */
export function untimedOf(link: string | undefined): string | undefined {
  const [path, search] = link?.split("?") ?? [];
  if (path === undefined) return undefined;
  const asked = new URLSearchParams(search);
  asked.set("has_duration", "false");
  return `${path}?${asked}`;
}

function activeOf(overview: Overview): Figure {
  const { active } = overview;
  return {
    key: "active",
    label: "Active builds",
    value: whole(active.builds),
    turn: null,
    before: null,
    counted: activeWords(active),
    leftOut: active.stale > 0 ? [{ words: "not to be believed to run any more", builds: active.stale, link: overview.links["active.stale"] }] : [],
    formula: overview.formula.active ?? "",
    link: overview.links.active,
    run: null,
  };
}

const REASONS: readonly [key: keyof Overview["exclusions"], words: string][] = [
  ["open", "not finished yet"],
  ["cancelled_superseded", "cancelled: superseded by a newer one"],
  ["cancelled_person", "cancelled by a person"],
  ["cancelled_timeout", "cancelled for their time"],
  ["cancelled_unknown", "cancelled, nobody says why"],
  ["skipped", "skipped"],
  ["unknown_status", "with an unknown status"],
];

export function leftOutOf(overview: Overview): LeftOut[] {
  return REASONS.flatMap(([key, words]) => {
    const builds = overview.exclusions[key];
    return builds > 0 ? [{ words, builds, link: overview.links[`exclusions.${key}`] }] : [];
  });
}

/** Changes smaller than what is shown are none. */
const LEAST_POINTS = 0.05;
const LEAST_PERCENT = 1;

export function turnOf(change: Change, kind: Kind, isMoreGood: boolean): Turn | null {
  if (change.change === null || change.before === null) return null;
  const amount = kind === "share" ? change.change * 100 : change.before > 0 ? (change.change / change.before) * 100 : null;
  if (amount === null) return null;
  if (Math.abs(amount) < (kind === "share" ? LEAST_POINTS : LEAST_PERCENT)) return { word: "as before", tone: "none", direction: null };
  const isMore = amount > 0;
  const size = kind === "share" ? `${Math.abs(amount).toFixed(1)} points` : `${Math.abs(amount).toFixed(0)} %`;
  const isGood = isMore === isMoreGood;
  const word = kind === "share" ? (isGood ? "better" : "worse") : isMore ? "slower" : "faster";
  return { word: `${size} ${word}`, tone: isGood ? "good" : "bad", direction: isMore ? "up" : "down" };
}

function shown(value: number | null, kind: Kind): string {
  return kind === "share" ? percent(value) : duration(value);
}

function broken(overview: Overview): number {
  return (overview.counts.failed ?? 0) + (overview.counts.timed_out ?? 0);
}

function timed(overview: Overview): string {
  return `of ${count(overview.duration_seconds.builds, "build")}`;
}

/** A sparkline in words. */
export function runWords(run: readonly (number | null)[], said: (value: number) => string): string {
  const known = run.filter((value) => value !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined) return "No values in this window";
  return `From ${said(first)} to ${said(last)}; lowest ${said(Math.min(...known))}, highest ${said(Math.max(...known))}`;
}
