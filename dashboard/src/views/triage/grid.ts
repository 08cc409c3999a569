/** What failures have in common, in figures and in words. Pure. */
import type { Grid, GridRow, Triage } from "~/api/types";
import { percent, whole } from "~/lib/numbers";
import { DAY, MINUTE } from "~/lib/time";

export type Side = keyof Grid;

export const SIDES: readonly Side[] = ["pipeline", "branch", "runner", "hour"];

/** The share of what it decided that failed. */
export function rateOf(row: GridRow): number {
  return row.verdicts === 0 ? 0 : row.failures / row.verdicts;
}

/** The share that failed everywhere, as the rows of one side are counted; null where nothing failed. */
export function usualRate(rows: readonly GridRow[]): number | null {
  const row = rows.find((one) => one.lift !== null && one.lift > 0);
  return row === undefined || row.lift === null ? null : rateOf(row) / row.lift;
}

/** How many standard deviations a row's failures lie above what they would be at the usual rate. */
export function surprise(row: GridRow, usual: number): number {
  const spread = Math.sqrt(row.verdicts * usual * (1 - usual));
  return spread === 0 ? 0 : (row.failures - row.verdicts * usual) / spread;
}

export interface Standout {
  side: Side;
  row: GridRow;
  surprise: number;
}

/** So many deviations above the usual rate a row is coloured; one in forty is by chance alone. */
export const NOTABLE = 2;
/** So many it is said in words: of dozens of rows hardly any is by chance. */
const SURPRISING = 3.5;
const LEAST_LIFT = 1.3;
const LEAST_FAILURES = 4;

/** What fails much more than everything together, most surprising first. */
export function standouts(grid: Grid): Standout[] {
  return SIDES.flatMap((side) => {
    const usual = usualRate(grid[side]);
    if (usual === null) return [];
    return grid[side].filter(isTold).map((row) => ({ side, row, surprise: surprise(row, usual) }));
  })
    .filter((one) => one.surprise >= SURPRISING)
    .sort((one, other) => other.surprise - one.surprise);
}

function isTold(row: GridRow): boolean {
  return row.value !== null && row.failures >= LEAST_FAILURES && row.lift !== null && row.lift >= LEAST_LIFT;
}

/** Behind the name of what stands out: `has 41.0 % of failures and 6.0 % of builds`. */
export function told({ side, row }: Standout, whole_: Pick<Triage, "failures" | "verdicts">): string {
  if (side === "runner") return `failed ${whole(row.failures)} of ${whole(row.verdicts)} jobs, ${times(row.lift)} the usual share`;
  return `has ${percent(row.failures / whole_.failures)} of failures and ${percent(row.verdicts / whole_.verdicts)} of builds`;
}

/** `1.7 ×`, with fewer digits the larger it is; a dash of nothing. */
export function times(lift: number | null): string {
  if (lift === null) return "–";
  return `${lift < 10 ? lift.toFixed(1) : Math.round(lift)} ×`;
}

export function nameOf(side: Side, row: GridRow): string {
  if (row.value === null) return side === "branch" ? "no branch" : side === "runner" ? "no runner named" : "–";
  return side === "hour" ? `${row.value}:00` : row.value;
}

const NOUNS: Readonly<Record<Side, string>> = { pipeline: "Pipeline", branch: "Branch", runner: "Runner", hour: "The hour from" };

export function nounOf(side: Side): string {
  return NOUNS[side];
}

/** Clocks differ from UTC, and are put on and back, by whole quarters of an hour. */
const QUARTER = 15 * MINUTE;

/** The one span within a window that an hour of the day stands for, by the viewer's clock; null where there are several. */
export function spanOfHour(since: string, until: string, hour: string): { since: string; until: string } | null {
  const [start, end] = [Date.parse(since), Date.parse(until)];
  if (end - start > 2 * DAY) return null;
  const quarters: number[] = [];
  for (let at = Math.floor(start / QUARTER) * QUARTER; at < end; at += QUARTER) {
    if (new Date(at).getHours() === Number(hour)) quarters.push(at);
  }
  const [first, last] = [quarters[0], quarters.at(-1)];
  if (first === undefined || last === undefined || last - first >= quarters.length * QUARTER) return null;
  return { since: new Date(Math.max(first, start)).toISOString(), until: new Date(Math.min(last + QUARTER, end)).toISOString() };
}
