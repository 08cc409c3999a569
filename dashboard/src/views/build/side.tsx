/** What stands beside a build: its incident, who was told, what changed, what happened. */
import type { ReactElement } from "react";
import type { BuildEvent, Commit, Decisions, OneBuild, OneIncident } from "~/api/types";
import { useGet } from "~/api/use";
import { brokenFor } from "~/lib/incident";
import { count } from "~/lib/numbers";
import { lookOf } from "~/lib/status";
import { duration } from "~/lib/time";
import { useNow } from "~/state/now";
import { BuildName } from "~/ui/build_name";
import { CommitPage } from "~/ui/commit_page";
import { Decided } from "~/ui/decided";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Panel } from "~/ui/panel";
import { IncidentPill } from "~/ui/pill";
import { Answered, Blank } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { learntLate } from "./trail";
import type { BuildChanges } from "./types";

export function IncidentPanel({ id, build }: { id: number; build: number }): ReactElement {
  const incident = useGet<OneIncident>(`/api/incidents/${id}`, {}, { isFresh: true });
  return (
    <Panel title="Incident" actions={<ViewLink to={`/incidents/${id}`}>The whole story</ViewLink>}>
      <Answered of={incident} rows={3}>{(found) => <IncidentFacts incident={found} build={build} />}</Answered>
    </Panel>
  );
}

function IncidentFacts({ incident, build }: { incident: OneIncident; build: number }): ReactElement {
  const now = useNow();
  const { last_good_build_id: good, fixed_by_build_id: fix } = incident;
  return (
    <dl className="facts">
      <dt>Status</dt>
      <dd>
        <IncidentPill status={incident.status} />{" "}
        <span className="quiet">{incident.status === "fixed" ? "after" : "for"} {duration(brokenFor(incident, now))}</span>
      </dd>
      <dt>First bad</dt>
      <dd><BuildName id={incident.first_bad_build_id} build={incident.first_bad} attempt={incident.first_bad_attempt} here={build} /></dd>
      <dt>Last bad</dt>
      <dd>
        <BuildName id={incident.last_bad_build_id} build={incident.last_bad} attempt={incident.last_bad_attempt} here={build} />{" "}
        <span className="quiet">{count(incident.failures, "failure")}</span>
      </dd>
      <dt>Last good</dt>
      <dd>
        {good === null
          ? <span className="quiet">none that was seen</span>
          : <BuildName id={good} build={incident.last_good} attempt={incident.last_good_attempt} here={build} />}
      </dd>
      {fix !== null && (
        <>
          <dt>Fixed by</dt>
          <dd><BuildName id={fix} build={incident.fixed_by} attempt={incident.fixed_by_attempt} here={build} /></dd>
        </>
      )}
    </dl>
  );
}

export function ToldPanel({ decisions }: { decisions: Decisions }): ReactElement {
  return (
    <Panel title="Who was told" actions={<ViewLink to="/alerts">Alerts</ViewLink>}>
      <Decided decisions={decisions} />
    </Panel>
  );
}

export function ChangesPanel({ build }: { build: OneBuild }): ReactElement {
  const changes = useGet<BuildChanges>(`/api/builds/${build.id}/changes`, {}, { isFresh: true });
  const known = changes.data;
  const base = known?.base_build_id ?? null;
  return (
    <Panel title="Changes" aside={known && howMany(known)} actions={base !== null && <ViewLink to={`/builds/${base}`}>Last good build</ViewLink>}>
      <Answered of={changes} rows={3}>{(found) => <ChangeList changes={found} build={build} />}</Answered>
    </Panel>
  );
}

function howMany({ commits, is_complete: isComplete }: BuildChanges): string | undefined {
  return commits.length === 0 ? undefined : `${count(commits.length, "commit")}${isComplete ? "" : " at least"}`;
}

function ChangeList({ changes: { commits, reason }, build }: { changes: BuildChanges; build: OneBuild }): ReactElement {
  return (
    <>
      {commits.length > 0 && (
        <ol className="build-commits">{commits.map((commit) => <Change key={commit.sha} commit={commit} build={build} />)}</ol>
      )}
      {reason !== null && <p className="quiet build-reason">{commits.length > 0 ? "Some are missing: " : "None are known: "}{reason}.</p>}
      {commits.length === 0 && reason === null && <p className="quiet build-reason">The same commit as the last good build.</p>}
    </>
  );
}

function Change({ commit, build }: { commit: Commit; build: OneBuild }): ReactElement {
  return (
    <li>
      <span className="clip foreign" title={commit.message ?? undefined}>{commit.message?.split("\n", 1)[0] ?? "No message"}</span>
      <small className="quiet build-commit">
        <code>{commit.sha.slice(0, 7)}</code>
        <CommitPage build={build} sha={commit.sha} />
        <span className="foreign clip">{commit.author ?? "unknown"}</span>
        <Instant at={commit.committed_at} />
      </small>
    </li>
  );
}

export function TrailPanel({ events }: { events: readonly BuildEvent[] }): ReactElement {
  return (
    <Panel title="What happened" aside={events.length}>
      {events.length === 0 && <Blank title="Nothing is recorded yet" />}
      <ol className="build-trail">
        {events.toReversed().map((event) => <Happening key={event.pos} event={event} />)}
      </ol>
    </Panel>
  );
}

function Happening({ event }: { event: BuildEvent }): ReactElement {
  const look = lookOf(event.to_status);
  const late = learntLate(event);
  return (
    <li className={`tone-${look.tone}`}>
      <span className="build-dot"><Icon name={look.icon} /></span>
      <div>
        <span>{event.kind === "transition" ? look.word : event.kind.replaceAll("_", " ")}</span>
        {event.attempt !== null && event.attempt > 1 && <span className="quiet"> attempt {event.attempt}</span>}
        <small className="quiet">
          {" "}<Instant at={event.at} />
          {late !== null && `, learnt ${duration(late)} later`}
          {event.is_backfill && ", from the past"}
          {event.is_superseded && ", of an attempt that was over"}
        </small>
      </div>
    </li>
  );
}
