/** The failures of one job, beside the list: where, since when, and the newest builds. */
import { useQueries } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { get } from "~/api/request";
import type { JobGroup, OneBuild } from "~/api/types";
import { Commit, Foreign } from "~/builds/cells";
import { count } from "~/lib/numbers";
import { providerName } from "~/lib/provider";
import { STALE_ROW, StaleMark } from "~/shell/stale_mark";
import { useStale } from "~/shell/use_stale";
import { useShortcuts } from "~/state/keys";
import { Instant } from "~/ui/instant";
import { Outside, openOutside } from "~/ui/outside";
import { Panel } from "~/ui/panel";
import { StatusPill } from "~/ui/pill";
import { Failure, Loading } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { useFailedJobs } from "~/views/incident/use_incident";
import { jobName } from "./job_row";

export function JobDetail({ group }: { group: JobGroup }): ReactElement {
  const answers = useQueries({
    queries: group.build_ids.map((id) => ({ queryKey: [`/api/builds/${id}`, {}], queryFn: ({ signal }: { signal: AbortSignal }) => get<OneBuild>(`/api/builds/${id}`, {}, signal) })),
  });
  const builds = answers.flatMap(({ data }) => (data === undefined ? [] : [data]));
  const stale = useStale();
  const failed = answers.filter(({ data, isError }) => data === undefined && isError);
  const again = (): void => failed.forEach(({ refetch }) => void refetch());
  useShortcuts([{ keys: ["o"], words: "Open the newest failure at the provider", group: "Triage", run: () => openOutside(builds[0]?.web_url) }]);
  return (
    <>
      <header className="panel incident-head">
        <h2 className={group.name === null ? undefined : "foreign"}>{jobName(group)}</h2>
        <p className="incident-story">
          {count(group.builds, "build")} failed {group.name === null ? "without a failed job that is known" : "in this job"}, in {count(group.pipelines, "pipeline")} and on {count(group.branches, "branch", "branches")}; the first <Instant at={group.first_at} />, the newest <Instant at={group.last_at} />.
        </p>
        {group.name === null && <p className="quiet incident-reason">The provider named no job, or the build failed before its first job began.</p>}
      </header>
      <Panel title="Newest failures" aside={group.builds > group.build_ids.length ? `${group.build_ids.length} of ${count(group.builds, "build")}` : undefined} isFlush>
        {failed.length > 0 && <div className="triage-pad">{builds.length === 0 ? <Failure error={failed[0]?.error} again={again} /> : <SomeFailed failed={failed.length} again={again} />}</div>}
        {builds.length === 0 && failed.length === 0 && <div className="triage-pad"><Loading rows={5} /></div>}
        {builds.length > 0 && (
          <div className="scrolls">
            <table className="data triage-builds-table">
              <thead><tr><th scope="col">Status</th><th scope="col">Pipeline</th><th scope="col">Branch</th><th scope="col">Commit</th><th scope="col">Runner</th><th scope="col">Queued</th><th scope="col"><span className="visually-hidden">Provider</span></th></tr></thead>
              <tbody>{builds.map((build) => <BuildRow key={build.id} build={build} name={group.name} stale={stale.get(build.pipeline_id)} />)}</tbody>
            </table>
          </div>
        )}
      </Panel>
    </>
  );
}

function SomeFailed({ failed, again }: { failed: number; again: () => void }): ReactElement {
  return (
    <p className="row quiet" role="status">
      <small>{count(failed, "more build")} could not be read.</small>
      <button type="button" className="button plain push" onClick={again}>Try again</button>
    </p>
  );
}

function BuildRow({ build, name, stale }: { build: OneBuild; name: string | null; stale: string | undefined }): ReactElement {
  const jobs = useFailedJobs(build.id, build.attempt, name !== null);
  const job = jobs.data?.find((one) => one.name === name);
  return (
    <tr className={stale === undefined ? undefined : STALE_ROW}>
      <td><StatusPill status={build.status} /> <StaleMark reason={stale} /></td>
      <td><ViewLink to={`/builds/${build.id}`} also={job && { job: String(job.id) }} className="foreign" title={build.pipeline_name}>{build.pipeline_name}{build.number === null ? "" : ` #${build.number}`}</ViewLink></td>
      <td><Foreign text={build.branch} /></td>
      <td><Commit build={build} /></td>
      <td><Foreign text={job?.runner ?? null} /></td>
      <td><Instant at={build.queued_at} /></td>
      <td><Outside url={job?.web_url ?? build.web_url} words={`Open at ${providerName(build.provider)}`} /></td>
    </tr>
  );
}
