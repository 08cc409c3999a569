/** My failures, each with what the data says of where to look first. */
import type { ReactElement } from "react";
import type { Build } from "~/api/types";
import { count } from "~/lib/numbers";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Panel } from "~/ui/panel";
import { StatusPill } from "~/ui/pill";
import { Failure, Loading } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { Missing } from "./missing";
import { failures } from "./places";
import { findings, verdictOf, type Finding } from "./reasons";
import { useAround, useEvidence, type KnownAround, type Newest } from "./use_mine";

const MOST = 5;
/** Failed jobs that are named. */
const FEW = 3;

export function Reasons({ mine }: { mine: Newest }): ReactElement {
  const failed = mine.builds && failures(mine.builds, MOST);
  const around = useAround([...new Set(failed?.map(({ pipeline_id: id }) => id))].sort((one, other) => one - other));
  return (
    <Panel title="Why did it fail?" aside="your latest failures, one of each branch" isFlush>
      {failed === undefined && <Missing error={mine.error} again={mine.again} rows={5} />}
      {failed?.length === 0 && <p className="me-pad quiet">None of your newest 100 builds failed.</p>}
      {around.error !== null && <Missing error={around.error} again={around.again} rows={1} />}
      <ul className="me-list">{failed?.map((build) => <Reason key={build.id} build={build} around={around} />)}</ul>
    </Panel>
  );
}

function Reason({ build, around }: { build: Build; around: KnownAround }): ReactElement {
  const { evidence, error, again } = useEvidence(build, around.around);
  const found = evidence && findings(build, evidence);
  return (
    <li className="me-reason">
      <div className="me-reason-head">
        <StatusPill status={build.status} />
        <ViewLink to={`/builds/${build.id}`} className="foreign clip me-strong" title={build.pipeline_name}>{build.pipeline_name}</ViewLink>
        <span className="quiet foreign clip" title={build.branch ?? undefined}>{build.branch}</span>
        <span className="quiet me-when push"><Instant at={build.finished_at ?? build.queued_at} /></span>
      </div>
      {found === undefined && error !== null && <Failure error={error} again={again} />}
      {found === undefined && error === null && around.error === null && <Loading rows={1} words="Looking for reasons" />}
      {found !== undefined && <Found build={build} found={found} />}
    </li>
  );
}

function Found({ build, found }: { build: Build; found: readonly Finding[] }): ReactElement {
  const verdict = verdictOf(found);
  return (
    <div className="me-found">
      <span className={`tag me-verdict tone-${verdict.tone}`}>{verdict.word}</span>
      <ul>{found.map((finding) => <li key={keyOf(finding)}><Words build={build} finding={finding} /></li>)}</ul>
    </div>
  );
}

function keyOf(finding: Finding): string {
  return finding.kind === "elsewhere" ? `elsewhere ${finding.job}` : finding.kind;
}

function Words({ build, finding }: { build: Build; finding: Finding }): ReactElement {
  switch (finding.kind) {
    case "flaky":
      return <>The same commit passed in <Passed build={finding.passed} />: the change alone does not explain it.</>;
    case "main":
      return (
        <>
          <span className="foreign">{finding.incident.branch ?? "The default branch"}</span> fails as well; it began{" "}
          <Instant at={finding.incident.opened_at} />: <ToIncident id={finding.incident.id}>look there first</ToIncident>.
        </>
      );
    case "before":
      return (
        <>
          This branch broke <Instant at={finding.incident.opened_at} />, with{" "}
          <ViewLink to={`/builds/${finding.incident.first_bad_build_id}`}>an earlier build</ViewLink>{" "}
          (<ToIncident id={finding.incident.id}>incident</ToIncident>).
        </>
      );
    case "began":
      return <>This branch passed before and fails since this build (<ToIncident id={finding.incident.id}>incident</ToIncident>).</>;
    case "elsewhere":
      return (
        <>
          <Job name={finding.job} /> failed on {count(finding.branches, "branch", "branches")} within a day:{" "}
          <ViewLink to="/triage">compare in triage</ViewLink>.
        </>
      );
    case "alone":
      return <Alone build={build} jobs={finding.jobs} />;
  }
}

function Alone({ build, jobs }: { build: Build; jobs: readonly string[] }): ReactElement {
  return (
    <>
      <FailedIn jobs={jobs} />
      The default branch is not broken, the commit did not pass elsewhere{jobs.length > 0 && ", and no other branch fails in it"}.{" "}
      <ViewLink to={`/builds/${build.id}`}>See its log</ViewLink>.
    </>
  );
}

function FailedIn({ jobs }: { jobs: readonly string[] }): ReactElement {
  if (jobs.length === 0) return <>No failed job is known. </>;
  const more = jobs.length > FEW ? ` and ${jobs.length - FEW} more` : "";
  return <>Failed in {jobs.slice(0, FEW).map((job) => <Job key={job} name={job} />)}{more}. </>;
}

function Passed({ build }: { build: Build }): ReactElement {
  return <ViewLink to={`/builds/${build.id}`}>{build.number === null ? "another build" : `#${build.number}`}</ViewLink>;
}

function ToIncident({ id, children }: { id: number; children: string }): ReactElement {
  return <ViewLink to={`/incidents/${id}`}>{children}</ViewLink>;
}

function Job({ name }: { name: string }): ReactElement {
  return <span className="tag me-job"><Icon name="cross" /><span className="foreign clip" title={name}>{name}</span></span>;
}
