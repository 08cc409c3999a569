/** The jobs that failed when it broke, and whether others fail by now. */
import type { ReactElement } from "react";
import type { Job, OneIncident } from "~/api/types";
import { providerName } from "~/lib/provider";
import { lookOf } from "~/lib/status";
import { duration } from "~/lib/time";
import { Icon } from "~/ui/icon";
import { Outside } from "~/ui/outside";
import { Answered } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { changed } from "./failed_jobs";
import { useFailedJobs } from "./use_incident";

export function FailedJobs({ incident }: { incident: OneIncident }): ReactElement {
  const first = useFailedJobs(incident.first_bad_build_id, incident.first_bad_attempt);
  const isOnce = incident.last_bad_build_id === incident.first_bad_build_id && incident.last_bad_attempt === incident.first_bad_attempt;
  const last = useFailedJobs(incident.last_bad_build_id, incident.last_bad_attempt, !isOnce);
  const since = isOnce ? null : changed(first.data ?? [], last.data ?? []);
  return (
    <Answered of={first} rows={2}>
      {(jobs) => (
        <>
          {jobs.length === 0
            ? (
              <p className="quiet incident-reason">
                No failed job is known: the provider names none for this build.{" "}
                <ViewLink to={`/builds/${incident.first_bad_build_id}`}>Its log</ViewLink> may tell more.
              </p>
            )
            : <ul className="incident-jobs">{jobs.map((job) => <Row key={job.id} job={job} incident={incident} />)}</ul>}
          {since !== null && <p className="incident-since foreign">{since}</p>}
        </>
      )}
    </Answered>
  );
}

function Row({ job, incident }: { job: Job; incident: OneIncident }): ReactElement {
  const look = lookOf(job.status);
  const name = job.stage === null ? job.name : `${job.stage} / ${job.name}`;
  const log = { job: String(job.id), attempt: job.attempt > 1 ? String(job.attempt) : null };
  return (
    <li className={`tone-${look.tone}`}>
      <span className="incident-job-mark"><Icon name={look.icon} words={look.word} /></span>
      <ViewLink to={`/builds/${incident.first_bad_build_id}`} also={log} className="foreign clip" title={`The log of ${name}`}>{name}</ViewLink>
      <span className="quiet clip foreign incident-runner">{job.runner === null ? "" : `on ${job.runner}`}</span>
      <span className="number quiet">{duration(job.duration_seconds)}</span>
      <Outside url={job.web_url} words={`Open at ${providerName(incident.provider)}`} />
    </li>
  );
}
