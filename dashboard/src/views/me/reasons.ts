/** Is it me, is it flaky, is it elsewhere, too? What the data shows about a failed build, and nothing beyond. Pure. */
import type { Build, Incident, Job } from "~/api/types";

export interface Evidence {
  /** Open on the pipeline's default branch. */
  incident: Incident | null;
  /** Of the same commit in the same pipeline. */
  passed: Build | null;
  failedJobs: readonly string[];
  /** On how many branches each job failed lately, by its name. */
  elsewhere: ReadonlyMap<string, number>;
}

export type Finding =
  | { kind: "main"; incident: Incident }
  | { kind: "before"; incident: Incident }
  | { kind: "began"; incident: Incident }
  | { kind: "flaky"; passed: Build }
  | { kind: "elsewhere"; job: string; branches: number }
  | { kind: "alone"; jobs: readonly string[] };

export interface Verdict {
  word: string;
  tone: "late" | "bad" | "held" | "none";
}

export function findings(build: Pick<Build, "id" | "branch">, { incident, passed, failedJobs, elsewhere }: Evidence): Finding[] {
  const found: Finding[] = [];
  if (passed !== null) found.push({ kind: "flaky", passed });
  if (incident !== null) found.push({ kind: kindOf(build, incident), incident });
  for (const job of failedJobs) {
    const branches = elsewhere.get(job) ?? 0;
    if (branches > 1) found.push({ kind: "elsewhere", job, branches });
  }
  return found.length === 0 ? [{ kind: "alone", jobs: failedJobs }] : found;
}

function kindOf(build: Pick<Build, "id" | "branch">, incident: Incident): "main" | "before" | "began" {
  if (incident.first_bad_build_id === build.id) return "began";
  return build.branch === null || build.branch === incident.branch ? "before" : "main";
}

/** In two or three words, by what weighs most: a pass of the same commit acquits the change. */
export function verdictOf(found: readonly Finding[]): Verdict {
  const kinds = new Set(found.map(({ kind }) => kind));
  if (kinds.has("flaky")) return { word: "Looks flaky", tone: "held" };
  if (kinds.has("began")) return { word: "Began with this build", tone: "bad" };
  if (kinds.has("main")) return { word: "Default branch fails, too", tone: "late" };
  if (kinds.has("before")) return { word: "Broken before", tone: "late" };
  if (kinds.has("elsewhere")) return { word: "Fails elsewhere, too", tone: "late" };
  return { word: "Only here", tone: "none" };
}

export function namesOfFailed(jobs: readonly Pick<Job, "name" | "status">[]): string[] {
  return [...new Set(jobs.filter(({ status }) => status === "failed" || status === "timed_out").map(({ name }) => name))];
}
