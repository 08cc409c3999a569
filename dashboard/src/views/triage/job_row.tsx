/** Failures of one job, at the side. */
import type { ReactElement } from "react";
import type { JobGroup } from "~/api/types";
import { count, whole } from "~/lib/numbers";
import { Instant } from "~/ui/instant";
import { SideRow } from "./side_list";

/** As the address names it: a job may be called anything, so that its own names begin with a colon. */
export function keyOfJob(group: JobGroup): string {
  return group.name === null ? "none" : `:${group.name}`;
}

export function jobName(group: JobGroup): string {
  return group.name ?? "No failed job known";
}

export function JobRow({ group, most, isCurrent }: { group: JobGroup; most: number; isCurrent: boolean }): ReactElement {
  return (
    <SideRow name="job" value={keyOfJob(group)} isCurrent={isCurrent}>
      <span className="triage-line">
        <strong className={group.name === null ? "clip quiet" : "foreign clip"} title={jobName(group)}>{jobName(group)}</strong>
        <span className="triage-builds">{whole(group.builds)}</span>
      </span>
      <span className="triage-share" aria-hidden="true"><span style={{ inlineSize: `${(group.builds / most) * 100}%` }} /></span>
      <span className="triage-line quiet">
        {count(group.pipelines, "pipeline")} · {count(group.branches, "branch", "branches")}
        <span className="push"><Instant at={group.last_at} /></span>
      </span>
    </SideRow>
  );
}
