/** The log, and whose it is. */
import type { ReactElement, Ref } from "react";
import type { Job, OneBuild } from "~/api/types";
import { BROKEN, OPEN, lookOf } from "~/lib/status";
import { Outside } from "~/ui/outside";
import { StatusPill } from "~/ui/pill";
import { Log } from "./log";

interface Props {
  ref: Ref<HTMLElement>;
  build: OneBuild;
  attempt: number;
  status: string;
  jobs: readonly Job[];
  job: number | null;
  choose: (job: number | null) => void;
  isOpen: boolean;
}

export function LogPanel({ ref, build, attempt, status, jobs, job, choose, isOpen }: Props): ReactElement {
  const shown = jobs.find((one) => one.id === job);
  const isJobOpen = shown === undefined ? isOpen : OPEN.has(shown.status);
  const isBroken = BROKEN.has((shown?.status ?? status) as Job["status"]);
  const isChosenBy = build.provider !== "jenkins" && jobs.length > 0;
  return (
    <section ref={ref} className="panel build-log" aria-labelledby="log">
      <header>
        <h2 id="log">Log</h2>
        {isChosenBy && <JobChoice jobs={jobs} job={job} choose={choose} />}
        {shown !== undefined && <StatusPill status={shown.status} />}
        {shown?.runner != null && <small className="quiet clip foreign" title={shown.runner}>{shown.runner}</small>}
        <span className="push"><Outside url={shown?.web_url ?? build.web_url} words="Open at the provider" /></span>
      </header>
      <Log build={build.id} attempt={attempt} job={job} hasJobs={job === null && build.provider !== "jenkins" && jobs.length !== 1} isOpen={isJobOpen} isBroken={isBroken} />
    </section>
  );
}

function JobChoice({ jobs, job, choose }: Pick<Props, "jobs" | "job" | "choose">): ReactElement {
  return (
    <label className="build-choice">
      <span className="visually-hidden">Whose log</span>
      <select className="input" value={job ?? ""} onChange={(event) => choose(event.target.value === "" ? null : Number(event.target.value))}>
        {jobs.length > 1 && <option value="">All {jobs.length} jobs</option>}
        {jobs.length === 1 && job === null && <option value="">{jobs[0]?.name}</option>}
        {(jobs.length > 1 || job !== null) && jobs.filter((one) => one.status !== "skipped").map((one) => (
          <option key={one.id} value={one.id}>{one.name} ({lookOf(one.status).word.toLowerCase()})</option>
        ))}
      </select>
    </label>
  );
}
