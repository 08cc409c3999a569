/** A build for tests; the higher its id, the later it was queued. */
import type { Build } from "~/api/types";

const NOON = Date.UTC(2026, 10, 20, 12);

export function aBuild(id: number, changes: Partial<Build> = {}): Build {
  return {
    id, provider: "github", instance: "github", project: "default", pipeline_id: 1, pipeline_name: "CI", repository: "acme/shop",
    external_id: String(id), number: id, attempt: 1, status: "succeeded", raw_status: "success", is_unstable: false, branch: "main",
    commit_sha: "696cd4161991e6ce4370222ab95d63a84d9859af", commit_message: "Say which field was wrong", author: "ada", event: "push",
    queued_at: new Date(NOON + id * 1000).toISOString(), started_at: null, finished_at: null, duration_seconds: 60, queued_seconds: 1,
    progress: null, web_url: null, recorded_at: new Date(NOON + id * 1000).toISOString(), stale_since: null, ...changes,
  };
}
