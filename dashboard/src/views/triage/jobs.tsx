/** Failures by the job that failed: the list, and the one of it that is looked at. */
import type { ReactElement, ReactNode } from "react";
import type { JobGroup, Triage } from "~/api/types";
import { useParameters } from "~/state/url";
import { Blank } from "~/ui/states";
import { hasWords } from "./choose";
import { JobDetail } from "./job_detail";
import { JobRow, jobName, keyOfJob } from "./job_row";
import { Nothing } from "./nothing";
import { SideList } from "./side_list";
import { Detail, Split, Steps, useSteps } from "./split";

export function Jobs({ triage, toolbar }: { triage: Triage; toolbar: (steps: ReactNode) => ReactNode }): ReactElement {
  const { get } = useParameters();
  const found = triage.jobs.filter((group) => hasWords(jobName(group), get("q") ?? ""));
  const keys = found.map(keyOfJob);
  const chosen = get("job");
  const shown = chosen === null ? found[0] : triage.jobs.find((group) => keyOfJob(group) === chosen);
  const current = chosen ?? keys[0] ?? null;
  const most = Math.max(1, ...triage.jobs.map((group) => group.builds));
  const step = useSteps("job", keys, chosen, "failed job");
  if (triage.jobs.length === 0 && chosen === null) return <>{toolbar(null)}<div className="panel"><Blank icon="check" title="No build failed">Neither in this window nor within what the header selects.</Blank></div></>;
  return (
    <>
      {toolbar(current !== null && <Steps step={step} place={keys.indexOf(current)} length={keys.length} isChosen={chosen !== null} name="job" />)}
      <Split
        isChosen={chosen !== null}
        list={found.length === 0 ? <Nothing hasAny={triage.jobs.length > 0} /> : <SideList label="Failed jobs, most failures first" items={found} keyOf={keyOfJob} current={current} renderRow={(group, isCurrent) => <JobRow group={group} most={most} isCurrent={isCurrent} />} open={null} />}
      >
        {current !== null && <Detail key={current}>{shown === undefined ? <NoFailure /> : <JobDetail group={shown} />}</Detail>}
      </Split>
      {triage.job_count > triage.jobs.length && <Rest groups={triage.jobs} count={triage.job_count} />}
    </>
  );
}

function NoFailure(): ReactElement {
  return <div className="panel"><Blank icon="check" title="No build failed in this job">Not in this window.</Blank></div>;
}

function Rest({ groups, count }: { groups: readonly JobGroup[]; count: number }): ReactElement {
  return <p className="quiet incident-reason">The {groups.length} jobs with most failures of {count}: a shorter window or a repository shows the others.</p>;
}
