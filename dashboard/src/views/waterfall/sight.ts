/** Which rows and columns of the grid are in sight; the others are only room. */
import type { RefObject } from "react";
import { useScrolled, type Scrolled } from "~/ui/use_scrolled";

/** Of a commit's row and a column, in rem; waterfall.css has the same. */
export const ROW_REM = 2.75;
export const CELL_REM = 2;

/** So many are drawn or left at a time: each scrolled pixel would else be a rendering. */
const ROWS_AT_A_TIME = 4;
const COLUMNS_AT_A_TIME = 8;

/** Of a window's height, in rem: what stands above the rows of a grid that is as high as it may be, its head included. */
const ABOVE_REM = 25;
const FEWEST_ROWS = 8;
const MOST_ROWS = 40;

/** As many rows as a window of this height in pixels shows. */
export function rowsOfScreen(height: number, rem: number): number {
  const fitting = Math.ceil((height / rem - ABOVE_REM) / ROW_REM);
  return Math.min(MOST_ROWS, Math.max(FEWEST_ROWS, fitting));
}

/** From the first (included) to the last (excluded). */
export interface Sight {
  rows: readonly [number, number];
  columns: readonly [number, number];
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

export function useSight(scroller: RefObject<HTMLElement | null>, rem: number, rows: number, columns: number): Sight {
  return sightOf(useScrolled(scroller, ROW_REM * rem * ROWS_AT_A_TIME, CELL_REM * rem * COLUMNS_AT_A_TIME), rem, rows, columns);
}
