/** Which rows and columns of the grid are in sight; the others are only room. */
import { useCallback, useState, useSyncExternalStore, type RefObject } from "react";

/** Of a commit's row and a column, in rem; waterfall.css has the same. */
export const ROW_REM = 2.75;
export const CELL_REM = 2;

/** So many are drawn or left at a time: each scrolled pixel would else be a rendering. */
const ROWS_AT_A_TIME = 4;
const COLUMNS_AT_A_TIME = 8;

/** From the first (included) to the last (excluded). */
export interface Sight {
  rows: readonly [number, number];
  columns: readonly [number, number];
}

export interface Scrolled {
  top: number;
  left: number;
  height: number;
  width: number;
}

export function sightOf({ top, left, height, width }: Scrolled, rem: number, rows: number, columns: number): Sight {
  return {
    rows: span(top, height, ROW_REM * rem, rows, ROWS_AT_A_TIME),
    columns: span(left, width, CELL_REM * rem, columns, COLUMNS_AT_A_TIME),
  };
}

function span(scrolled: number, length: number, step: number, count: number, atATime: number): readonly [number, number] {
  const first = Math.floor(scrolled / step / atATime) * atATime - atATime;
  const last = Math.ceil((scrolled + length) / step / atATime) * atATime + atATime;
  return [Math.min(Math.max(0, first), count), Math.min(count, last)];
}

/** What is in sight of the scrolling element, asked of the browser only when it moves. */
export function useSight(scroller: RefObject<HTMLElement | null>, rem: number, rows: number, columns: number): Sight {
  const [eye] = useState(() => new Eye());
  const scrolled = useSyncExternalStore(
    useCallback((changed) => eye.watch(scroller, rem, changed), [eye, scroller, rem]),
    () => eye.now,
  );
  return sightOf(scrolled, rem, rows, columns);
}

class Eye {
  /** Until it is measured: a screen of them. */
  now: Scrolled = { top: 0, left: 0, height: 900, width: 1600 };

  watch({ current: element }: RefObject<HTMLElement | null>, rem: number, changed: () => void): () => void {
    if (element === null) return () => undefined;
    const [rowPx, columnPx] = [ROW_REM * rem * ROWS_AT_A_TIME, CELL_REM * rem * COLUMNS_AT_A_TIME];
    const look = (): void => {
      const seen = {
        top: Math.floor(element.scrollTop / rowPx) * rowPx,
        left: Math.floor(element.scrollLeft / columnPx) * columnPx,
        height: element.clientHeight,
        width: element.clientWidth,
      };
      const { now } = this;
      if (now.top === seen.top && now.left === seen.left && now.height === seen.height && now.width === seen.width) return;
      this.now = seen;
      changed();
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }
}
