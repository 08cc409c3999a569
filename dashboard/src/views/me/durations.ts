/** What my builds usually take, beside what their pipelines do. Pure. */
import type { Build } from "~/api/types";
import { grouped } from "~/lib/group";

export interface Own {
  pipeline_id: number;
  name: string;
  repository: string | null;
  builds: number;
  median: number;
}

const FEWEST = 3;
const MOST = 8;

/** Of those that succeeded; where there are too few nothing is claimed. Most built first. */
export function ownDurations(mine: readonly Build[]): Own[] {
  const passed = mine.filter(({ status, duration_seconds: seconds }) => status === "succeeded" && seconds !== null);
  const own = [...grouped(passed, ({ pipeline_id: id }) => id)].flatMap(([id, builds]) => ownOf(id, builds));
  return own.toSorted((one, other) => other.builds - one.builds).slice(0, MOST);
}

function ownOf(id: number, builds: readonly Build[]): Own[] {
  const [newest] = builds;
  if (newest === undefined || builds.length < FEWEST) return [];
  const median = middle(builds.map(({ duration_seconds: seconds }) => seconds ?? 0));
  return [{ pipeline_id: id, name: newest.pipeline_name, repository: newest.repository, builds: builds.length, median }];
}

function middle(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  const place = sorted.length / 2;
  return ((sorted[Math.ceil(place) - 1] ?? 0) + (sorted[Math.floor(place)] ?? 0)) / 2;
}
