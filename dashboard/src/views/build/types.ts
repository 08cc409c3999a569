/** Answers the API's description does not have yet, by the names it will give them. */
import type { components } from "~/api/schema";

export type Decisions = components["schemas"]["Decisions"];
export type RouteDecision = components["schemas"]["RouteDecision"];
export type BuildChanges = components["schemas"]["BuildChanges"];
export type RelatedBuild = components["schemas"]["RelatedBuild"];

/** How long pipelines' builds take that succeed, over the last 30 days. */
export interface Durations {
  pipelines: { pipeline_id: number; builds: number; p50_seconds: number | null; p95_seconds: number | null }[];
}
