/** Which answers a build's or an incident's change makes old, by what was asked. Pure. */
import type { Query } from "~/api/request";
import type { Build } from "~/api/types";
import { isAmong } from "~/builds/filter";
import type { Batch } from "./store";

type Key = readonly unknown[];

/** Paths whose answers are counted or gathered from many builds. */
const COUNTED = ["/api/metrics", "/api/incidents", "/api/pipelines", "/api/triage", "/api/deliveries"];

/** Lists that hear of builds themselves while they are in sight. */
const LISTED = ["/api/builds", "/api/waterfall"];

/** What says where a build or an incident belongs, and what an answer may be narrowed to. */
const PLACE = ["provider", "instance", "project", "repository", "branch"] as const;

type Placed = Pick<Build, (typeof PLACE)[number] | "pipeline_id">;

export function isCounted([path]: Key): boolean {
  return typeof path === "string" && COUNTED.some((start) => path.startsWith(start));
}

/** Narrowed by place only: a build that leaves a filter's status moves its answer as well. */
export function mayMove(key: Key, { builds, incidents }: Batch): boolean {
  const [path, kind] = key;
  if (typeof path !== "string") return false;
  // What failed elsewhere is counted over a whole day there.
  if (path === "me") return builds.size > 0 && kind !== "jobs";
  const build = numbered(path, "builds");
  if (build !== null) return builds.has(build);
  if (!LISTED.some((start) => path.startsWith(start)) && !isCounted(key)) return false;
  const pipeline = numbered(path, "pipelines") ?? numbered(path, "metrics/pipeline");
  const query = queryOf(key);
  const asked = pipeline === null ? query : { ...query, pipeline_id: pipeline };
  const isOfIt = (one: Placed): boolean => isPlaced(one, asked);
  return [...builds.values()].some(isOfIt) || [...incidents.values()].some(isOfIt);
}

function numbered(path: string, kind: string): number | null {
  const start = `/api/${kind}/`;
  const id = path.startsWith(start) ? Number.parseInt(path.slice(start.length), 10) : Number.NaN;
  return Number.isNaN(id) ? null : id;
}

function queryOf(key: Key): Query {
  return (key.find((part) => typeof part === "object" && part !== null) ?? {}) as Query;
}

function isPlaced(one: Placed, query: Query): boolean {
  return PLACE.every((name) => isAmong(one[name], query[name])) && isAmong(String(one.pipeline_id), query.pipeline_id);
}
