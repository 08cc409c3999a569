/** Where a key leads in the grid. Pure. */

export interface Place {
  row: number;
  column: number;
}

const STEPS: Readonly<Record<string, Place>> = {
  ArrowUp: { row: -1, column: 0 },
  ArrowDown: { row: 1, column: 0 },
  ArrowLeft: { row: 0, column: -1 },
  ArrowRight: { row: 0, column: 1 },
  PageUp: { row: -10, column: 0 },
  PageDown: { row: 10, column: 0 },
};

/** Null where the key leads nowhere. */
export function walked(from: Place, key: string, rows: number, columns: number): Place | null {
  if (key === "Home") return { ...from, column: 0 };
  if (key === "End") return { ...from, column: columns - 1 };
  const step = STEPS[key];
  if (step === undefined) return null;
  return { row: within(from.row + step.row, rows), column: within(from.column + step.column, columns) };
}

function within(place: number, count: number): number {
  return Math.min(Math.max(place, 0), Math.max(count - 1, 0));
}
