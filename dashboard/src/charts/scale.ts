/** Where marks stand and which few of them are named. Pure. */
import { nice, ticks } from "d3-array";
import { DAY, HOUR, tick } from "~/lib/time";

export interface Mark {
  at: number;
  label: string;
}

/** The upper end of an axis of counts, and at most `most` whole numbers to name on it. */
export function countTicks(max: number, most = 3): { top: number; ticks: number[] } {
  const [, top] = nice(0, Math.max(max, 1), most);
  return { top, ticks: ticks(0, top, most).filter((value) => Number.isInteger(value)) };
}

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** The same of seconds, by steps of the clock: 30 s, 5 min, not 25 s or 400 s. */
export function durationTicks(max: number, most = 3): { top: number; ticks: number[] } {
  const widest = STEPS.at(-1) ?? 1;
  const step = STEPS.find((one) => max / one <= most) ?? Math.ceil(max / most / widest) * widest;
  const steps = Math.max(1, Math.ceil(max / step - 1e-9));
  return { top: steps * step, ticks: Array.from({ length: steps + 1 }, (_, place) => Number((place * step).toPrecision(6))) };
}

const HOUR_STEPS = [1, 2, 3, 4, 6, 12, 24] as const;
/** Of a label below the axis, in rem: as wide as a broad letter, and what stands between two at least. */
const LETTER = 0.44;
const BETWEEN = 0.5;

function widthOf(label: string, rem: number): number {
  return label.length * LETTER * rem;
}

/** Which buckets are named below the axis: round hours or every n-th day, by the clock of whoever looks. */
export function timeMarks(starts: readonly Date[], width: number, rem: number): Mark[] {
  // A window may begin within its first bucket.
  const [before, last] = starts.slice(-2);
  if (before === undefined) return [];
  const length = last === undefined ? HOUR : last.getTime() - before.getTime();
  const isShort = length < DAY / 2;
  const label = widthOf(tick(last ?? before, isShort), rem) + BETWEEN * rem;
  const room = Math.max(1, Math.floor(width / label));
  if (isShort) return hourMarks(starts, room);
  const step = Math.ceil(starts.length / room);
  // Counted from the newest, which is what people look for first.
  return starts.flatMap((start, at) => ((starts.length - 1 - at) % step === 0 ? [{ at, label: tick(start, false) }] : []));
}

function hourMarks(starts: readonly Date[], room: number): Mark[] {
  const marks = HOUR_STEPS.map((step) => starts.flatMap((start, at) => (start.getHours() % step === 0 && start.getMinutes() === 0 ? [{ at, label: tick(start, true) }] : [])));
  return marks.find((list) => list.length <= room) ?? [];
}

export interface Placed extends Mark {
  x: number;
  anchor: "start" | "middle" | "end";
}

/** Each label centred at its mark, unless it would reach over an edge: there it ends with it. One that the next would then touch is left out. */
export function placedWithin(marks: readonly Mark[], xOf: (at: number) => number, [left, right]: readonly [number, number], rem: number): Placed[] {
  const placed: Placed[] = [];
  let end = Infinity;
  // From the newest, which is what people look for first.
  for (const mark of marks.toReversed()) {
    const [x, width] = [xOf(mark.at), widthOf(mark.label, rem)];
    const start = Math.max(left, Math.min(x - width / 2, right - width));
    if (start + width > end) continue;
    end = start - (BETWEEN / 2) * rem;
    placed.unshift({ ...mark, ...anchored(x, start, width) });
  }
  return placed;
}

/** By its edge where it was moved, so that letters of another width than supposed do not reach over it either. */
function anchored(x: number, start: number, width: number): Pick<Placed, "x" | "anchor"> {
  const by = start + width / 2 - x;
  if (Math.abs(by) < 1e-6) return { x, anchor: "middle" };
  return by < 0 ? { x: start + width, anchor: "end" } : { x: start, anchor: "start" };
}

/** Which of `count` equal bands a place is in. */
export function bandAt(x: number, width: number, count: number): number {
  return Math.min(count - 1, Math.max(0, Math.floor((x / Math.max(width, 1)) * count)));
}

/** Runs of places that have a value. */
export function runs(values: readonly (number | null)[]): number[][] {
  const list: number[][] = [];
  values.forEach((value, at) => {
    if (value === null) return;
    const run = list.at(-1);
    if (run !== undefined && run.at(-1) === at - 1) run.push(at);
    else list.push([at]);
  });
  return list;
}
