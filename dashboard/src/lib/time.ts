/** Instants and durations in words; in the zone of whoever looks. */

const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const CLOCK_EXACT = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
const DATE = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const DATE_WITH_YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

export function zone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

export function exact(instant: string | Date): string {
  return EXACT.format(new Date(instant));
}

/** To the millisecond, as a log has it. */
export function clock(instant: string | Date): string {
  return CLOCK_EXACT.format(new Date(instant));
}

/** How long ago, short: `now`, `40 s ago`, `5 min ago`, `3 h ago`, `2 d ago`, then the date. */
export function ago(instant: string | Date, now: number): string {
  const at = new Date(instant);
  const passed = now - at.getTime();
  if (passed < -MINUTE) return `in ${span(-passed)}`;
  if (passed < 5 * SECOND) return "now";
  if (passed < 14 * DAY) return `${span(passed)} ago`;
  return at.getFullYear() === new Date(now).getFullYear() ? DATE.format(at) : DATE_WITH_YEAR.format(at);
}

function span(milliseconds: number): string {
  if (milliseconds < MINUTE) return `${Math.round(milliseconds / SECOND)} s`;
  if (milliseconds < HOUR) return `${Math.round(milliseconds / MINUTE)} min`;
  if (milliseconds < 2 * DAY) return `${Math.round(milliseconds / HOUR)} h`;
  return `${Math.round(milliseconds / DAY)} d`;
}

/** A duration: `0.4 s`, `42 s`, `3 m 05 s`, `1 h 20 m`, `2 d 3 h`; a dash of nothing. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
  const hours = Math.round(whole / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

/** A place on the axis of time: the clock within a day or two, else the date. */
export function tick(instant: Date, isShort: boolean): string {
  return isShort ? CLOCK.format(instant) : DATE.format(instant);
}
