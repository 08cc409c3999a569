/** A pipeline on a branch: where somebody's builds ran, and whether it is broken there. Pure. */
import type { Build, Builds } from "~/api/types";
import { BROKEN } from "~/lib/status";

export interface Place {
  pipeline_id: number;
  branch: string | null;
}

/** So many are looked into; who has more broken branches has other worries. */
const MOST = 12;

export function placeOf({ pipeline_id, branch }: Place): string {
  return `${pipeline_id} ${branch ?? ""}`;
}

export function hasVerdict({ status }: Pick<Build, "status">): boolean {
  return status === "succeeded" || BROKEN.has(status);
}

/** Of builds, newest first: the newest with a verdict at each place. */
export function latest(builds: readonly Build[]): Build[] {
  const found = new Map<string, Build>();
  for (const build of builds) if (hasVerdict(build) && !found.has(placeOf(build))) found.set(placeOf(build), build);
  return [...found.values()];
}

/** Where my own newest build failed: only there the branch can be broken by what I did last. */
export function suspects(mine: readonly Build[]): Build[] {
  return latest(mine).filter(({ status }) => BROKEN.has(status)).slice(0, MOST);
}

/** My failures that are worth a word: each place once, newest first. */
export function failures(mine: readonly Build[], most: number): Build[] {
  const found = new Map<string, Build>();
  for (const build of mine) if (BROKEN.has(build.status) && !found.has(placeOf(build))) found.set(placeOf(build), build);
  return [...found.values()].slice(0, most);
}

/** A list after changes; the same object where none of it changed, so that nothing is drawn again. */
export function told(kept: Builds, changed: ReadonlyMap<number, Build>): Builds {
  if (!kept.builds.some(({ id }) => changed.has(id))) return kept;
  return { ...kept, builds: kept.builds.map((build) => changed.get(build.id) ?? build) };
}
