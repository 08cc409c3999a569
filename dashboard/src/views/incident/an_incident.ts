/** An incident for tests: of an ordinary afternoon unless said otherwise. */
import type { Incident } from "~/api/types";
import type { IncidentEvent, Telling } from "./types";

export function anIncident(changes: Partial<Incident> = {}): Incident {
  return {
    id: 7, provider: "github", instance: "github", project: "default", repository: "acme/web", pipeline_id: 3, pipeline_name: "CI", branch: "main",
    is_default_branch: true, status: "broken", opened_at: "2026-11-20T12:00:00Z", last_failed_at: "2026-11-20T12:00:00Z", fixed_at: null, duration_seconds: 60,
    failures: 1, flaps: 0, is_flaky: false, is_silent: false, first_bad_build_id: 20, first_bad_attempt: 1, first_bad_author: "ada", first_bad_job: "unit", last_bad_build_id: 20, last_bad_attempt: 1,
    last_good_build_id: 19, last_good_attempt: 1, fixed_by_build_id: null, fixed_by_attempt: null, commits_url: "/api/incidents/7/commits", ...changes,
  };
}

export function anEvent(changes: Partial<IncidentEvent> = {}): IncidentEvent {
  return { pos: 1, kind: "transition", version: 1, from_status: null, to_status: "broken", is_backfill: false, at: "2026-11-20T12:00:00Z", recorded_at: "2026-11-20T12:00:02Z", data: { build_id: 20, failures: 1 }, ...changes };
}

export function aTelling(changes: Partial<Telling> = {}): Telling {
  return { receiver: "chat", route: "default", told: "broken", told_at: "2026-11-20T12:00:05Z", failures: 1, is_wanted: false, due_at: null, held: null, repeat_at: null, ...changes };
}
