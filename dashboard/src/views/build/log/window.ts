/**
 * Which rows of very many are in sight.
 *
 * The place of the scrollbar, as a share, says which row lies at that same share of the height that is seen. With rows
 * of equal height that is ordinary scrolling; with any other it still begins at the first and ends at the last.
 */

export interface Extent {
  rows: number;
  /** How high a row is, or is thought to be on average. */
  rowPx: number;
  viewportPx: number;
}

export interface Sight {
  /** The rows to lay out: from the first to before the last. */
  first: number;
  last: number;
  /** The row whose place is known, how much of it lies above that place, and where that is in what is seen. */
  anchor: number;
  above: number;
  atPx: number;
}

/** Browsers stop counting at some height: Firefox at 17.8 million pixels. */
const MOST_PX = 16_000_000;
const OVERSCAN = 12;

export function totalPx({ rows, rowPx }: Extent): number {
  return Math.min(MOST_PX, rows * rowPx);
}

export function sightAt(scrolledPx: number, extent: Extent): Sight {
  const { rows, rowPx, viewportPx } = extent;
  const share = shareOf(scrolledPx, extent);
  const place = Math.min(share * rows, Math.max(0, rows - 1e-6));
  const anchor = Math.floor(place);
  const atPx = share * viewportPx;
  const first = Math.max(0, Math.floor(place - atPx / rowPx) - OVERSCAN);
  const last = Math.min(rows, Math.ceil(place + (viewportPx - atPx) / rowPx) + OVERSCAN);
  return { first, last, anchor, above: share >= 1 ? 1 : place - anchor, atPx };
}

/** How far to scroll for a row to stand a third below the top. */
export function scrollTo(row: number, extent: Extent): number {
  const { rows, rowPx, viewportPx } = extent;
  const room = rows * rowPx - viewportPx;
  if (room <= 0) return 0;
  const share = Math.min(1, Math.max(0, (row * rowPx - viewportPx / 3) / room));
  return share * (totalPx(extent) - viewportPx);
}

function shareOf(scrolledPx: number, extent: Extent): number {
  const room = totalPx(extent) - extent.viewportPx;
  return room <= 0 ? 0 : Math.min(1, Math.max(0, scrolledPx / room));
}
