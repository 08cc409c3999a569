/** The columns of a table of builds: which there are, which a person chose, which there is room for. Pure. */

export const COLUMNS = ["status", "pipeline", "branch", "commit", "author", "event", "waited", "duration", "started", "link"] as const;

export type Column = (typeof COLUMNS)[number];

interface Shape {
  word: string;
  /** Rem. */
  least: number;
  track: string;
  /** Never taken away. */
  isFixed?: boolean;
}

export const SHAPES: Readonly<Record<Column, Shape>> = {
  status: { word: "Status", least: 7, track: "7rem", isFixed: true },
  pipeline: { word: "Pipeline", least: 10, track: "minmax(10rem, 1.5fr)", isFixed: true },
  branch: { word: "Branch", least: 6, track: "minmax(6rem, 0.9fr)" },
  commit: { word: "Commit", least: 10, track: "minmax(10rem, 2fr)" },
  author: { word: "Author", least: 5.5, track: "minmax(5.5rem, 0.7fr)" },
  event: { word: "Event", least: 5, track: "minmax(5rem, 0.5fr)" },
  waited: { word: "Waited", least: 4.5, track: "4.5rem" },
  duration: { word: "Duration", least: 8.5, track: "8.5rem" },
  started: { word: "Started", least: 5.5, track: "5.5rem" },
  link: { word: "Provider", least: 1.5, track: "1.5rem" },
};

const USUAL: readonly Column[] = ["status", "pipeline", "branch", "commit", "author", "duration", "started", "link"];

/** Given up in this order where there is no room for all. */
const DISPENSABLE: readonly Column[] = ["event", "waited", "author", "link", "branch", "commit", "started"];

const GAP = 0.75;
const PADDING = 2;

/** Below this (rem) a row is a card of two lines. */
export const NARROW = 40;

export function columnsOr(stored: unknown): readonly Column[] {
  if (!Array.isArray(stored)) return USUAL;
  return COLUMNS.filter((column) => SHAPES[column].isFixed === true || stored.includes(column));
}

export function toggled(chosen: readonly Column[], column: Column): readonly Column[] {
  return COLUMNS.filter((one) => (one === column ? !chosen.includes(one) : chosen.includes(one)));
}

export function fitting(chosen: readonly Column[], width: number): readonly Column[] {
  let shown = [...chosen];
  for (const column of DISPENSABLE) {
    if (room(shown) <= width) break;
    shown = shown.filter((one) => one !== column);
  }
  return shown;
}

export function tracks(columns: readonly Column[]): string {
  return columns.map((column) => SHAPES[column].track).join(" ");
}

function room(columns: readonly Column[]): number {
  return PADDING + columns.reduce((sum, column) => sum + SHAPES[column].least, 0) + GAP * (columns.length - 1);
}
