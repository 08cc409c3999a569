/** A row for tests. */
import type { Pipeline } from "~/api/types";
import { NO_REASONS } from "~/shell/stale";
import { rowsOf, type Row } from "./rows";

export function aPipeline(id: number, changes: Partial<Pipeline> = {}): Pipeline {
  return {
    id, provider: "github", instance: "github", project: "default", repository: "acme/shop", external_id: String(id), name: `CI ${id}`, url: null,
    default_branch: "main", source_id: 1, last_build: null,
    health: { verdict: "succeeded", is_broken: false, recent_builds: 20, succeeded: 20, failed: 0, timed_out: 0, success_rate: 1 },
    recent: [], usual_seconds: 60, ...changes,
  };
}

export const BROKEN: Partial<Pipeline> = { health: { verdict: "failed", is_broken: true, recent_builds: 20, succeeded: 19, failed: 1, timed_out: 0, success_rate: 0.95 } };

export function aRow(id: number, changes: Partial<Row> = {}, pipeline: Partial<Pipeline> = {}): Row {
  const [row] = rowsOf({ pipelines: [aPipeline(id, pipeline)], groups: undefined, flaky: undefined, slowdowns: undefined, stale: NO_REASONS });
  if (row === undefined) throw new Error("a pipeline makes a row");
  return { ...row, ...changes };
}
