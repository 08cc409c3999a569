/** A waterfall for tests: three commits, two pipelines, one of which failed twice alike. */
import type { Waterfall } from "./types";

export const AT = "2026-11-20T12:00:00Z";

export function answer(changes: Partial<Waterfall> = {}): Waterfall {
  const job = (name: string, stage: string | null = null) => ({ name, stage, last: null });
  const pipeline = (id: number, name: string, jobs: ReturnType<typeof job>[]) => ({
    id, name, jobs, repository: "acme/web", provider: "github", default_branch: "main", last: null,
  });
  const cell = (commit: number, status: "succeeded" | "failed", failure: string | null = null) => ({
    commit, pipeline: 0, status, former: null, is_flaky: false, build_id: 10 + commit, builds: 1, attempts: 1,
    duration_seconds: 60, queued_at: AT, web_url: null, failure,
  });
  return {
    as_of: AT, stale_sources: [], has_all_jobs: true, has_all_pipelines: true, next_cursor: null,
    commits: ["a", "b", "c"].map((sha) => ({ sha, message: sha, author: "ada", repository: "acme/web", queued_at: AT })),
    pipelines: [pipeline(1, "ci", [job("lint"), job("test (3.11)"), job("test (3.12)")]), pipeline(2, "deploy", [job("ship", "release")])],
    cells: [cell(0, "failed", "test (3.11)"), cell(1, "failed", "test (3.11)"), cell(2, "succeeded")],
    job_cells: {
      commit: [0, 0, 0], pipeline: [0, 0, 0], job: [0, 1, 2], status: ["succeeded", "failed", "cancelled"],
      former: [null, null, null], is_flaky: [false, false, true], build_id: [10, 10, 10], job_id: [1, 2, 3],
      duration_seconds: [5, 50, 7], failure: [null, "failure", null],
    },
    ...changes,
  };
}
