/** What a failure is known by: the jobs that failed, else what the provider calls it. Pure. */
import type { Shown } from "./groups";
import type { Cell, Row } from "./model";

export interface Failure {
  of: "jobs" | "provider";
  words: string;
}

/** A job's own failure is the provider's word; a pipeline's names its jobs where their cells tell of a failure. */
export function failureOf(row: Row, column: Shown, cell: Cell): Failure | null {
  if (cell.failure === null) return null;
  if (!column.isGroup) return { of: hasFailedJobs(row, column.key) ? "jobs" : "provider", words: cell.failure };
  const failed = column.columns.filter(({ key }) => row.cells.get(key)?.failure);
  return { of: "jobs", words: failed.map(({ name }) => name).join(", ") };
}

function hasFailedJobs({ cells }: Row, pipeline: string): boolean {
  return [...cells].some(([key, { failure }]) => failure !== null && key.startsWith(`${pipeline}/`));
}
