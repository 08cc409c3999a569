/** Which of many rows of one height are in sight. Sums nothing up, so a list of any length costs the same. */
/** Rows kept ready on either side of those in sight. */
const OVERSCAN = 6;

export interface Range {
  first: number;
  /** Included; before `first` where there is no row. */
  last: number;
}

export function rangeOf(scrolled: number, height: number, rowPx: number, count: number): Range {
  const first = Math.max(0, Math.floor(scrolled / rowPx) - OVERSCAN);
  const last = Math.min(count - 1, Math.ceil((scrolled + height) / rowPx) + OVERSCAN);
  return { first: Math.min(first, Math.max(0, last)), last };
}

/** Where a row must be scrolled to, to be in sight below the head; null where it is. */
export function scrollFor(index: number, scrolled: number, height: number, rowPx: number, headPx: number): number | null {
  const [start, end] = [index * rowPx, (index + 1) * rowPx];
  if (start < scrolled) return start;
  return end + headPx > scrolled + height ? end + headPx - height : null;
}
