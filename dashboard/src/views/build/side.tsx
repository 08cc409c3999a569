/** What stands beside a build: its incident, who was told, what changed, what happened. */
import type { ReactElement } from "react";
import type { BuildEvent, OneBuild, OneIncident } from "~/api/types";
import { useGet } from "~/api/use";
import { count } from "~/lib/numbers";
import { lookOf } from "~/lib/status";
import { duration } from "~/lib/time";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Panel } from "~/ui/panel";
import { Answered, Blank } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { learntLate } from "./trail";
import type { BuildChanges, Decisions, RouteDecision } from "./types";

export function IncidentPanel({ id, build }: { id: number; build: number }): ReactElement {
  const incident = useGet<OneIncident>(`/api/incidents/${id}`, {}, { isFresh: true });
  return (
    <Panel title="Incident" actions={<ViewLink to={`/incidents/${id}`}>The whole story</ViewLink>}>
      <Answered of={incident} rows={3}>{(found) => <IncidentFacts incident={found} build={build} />}</Answered>
    </Panel>
  );
}

const INCIDENT = {
  broken: { tone: "bad", icon: "cross", word: "Broken" },
  flapping: { tone: "late", icon: "warning", word: "Flapping" },
  fixed: { tone: "good", icon: "check", word: "Fixed" },
} as const;

function IncidentFacts({ incident, build }: { incident: OneIncident; build: number }): ReactElement {
  const look = INCIDENT[incident.status];
  return (
    <dl className="facts">
      <dt>Status</dt>
      <dd><span className={`pill tone-${look.tone}`}><Icon name={look.icon} />{look.word}</span> <span className="quiet">{incident.status === "fixed" ? "after" : "for"} {duration(incident.duration_seconds)}</span></dd>
      <dt>First bad</dt>
      <dd><BuildName id={incident.first_bad_build_id} attempt={incident.first_bad_attempt} of={build} /></dd>
      <dt>Last bad</dt>
      <dd><BuildName id={incident.last_bad_build_id} attempt={incident.last_bad_attempt} of={build} /> <span className="quiet">{count(incident.failures, "failure")}</span></dd>
      <dt>Last good</dt>
      <dd>{incident.last_good_build_id === null ? <span className="quiet">none that was seen</span> : <BuildName id={incident.last_good_build_id} attempt={incident.last_good_attempt} of={build} />}</dd>
      {incident.fixed_by_build_id !== null && <><dt>Fixed by</dt><dd><BuildName id={incident.fixed_by_build_id} attempt={incident.fixed_by_attempt} of={build} /></dd></>}
    </dl>
  );
}

function BuildName({ id, attempt, of }: { id: number; attempt: number | null; of: number }): ReactElement {
  const also = attempt !== null && attempt > 1 ? `, attempt ${attempt}` : "";
  return id === of ? <strong>this build{also}</strong> : <ViewLink to={`/builds/${id}`}>build {id}{also}</ViewLink>;
}

const OUTCOMES: Readonly<Record<RouteDecision["outcome"], { tone: string; icon: "check" | "clock" | "slash"; word: string }>> = {
  told: { tone: "good", icon: "check", word: "told" },
  queued: { tone: "busy", icon: "clock", word: "about to be told" },
  held: { tone: "held", icon: "clock", word: "held back for now" },
  suppressed: { tone: "none", icon: "slash", word: "not told" },
  dropped: { tone: "none", icon: "slash", word: "not told any more" },
  unmatched: { tone: "none", icon: "slash", word: "not concerned" },
};

export function ToldPanel({ decisions }: { decisions: Decisions }): ReactElement {
  const fitting = decisions.routes.filter((route) => route.outcome !== "unmatched");
  const other = decisions.routes.length - fitting.length;
  return (
    <Panel title="Who was told" actions={<ViewLink to="/alerts">Alerts</ViewLink>}>
      <p className="build-why foreign">{decisions.is_planned ? decisions.decision_reason : "This is being decided just now."}</p>
      <ul className="build-told">
        {fitting.map((route) => <Told key={`${route.route} ${route.receiver}`} route={route} />)}
        {decisions.is_planned && fitting.length === 0 && <li className="quiet">Nobody was told{other > 0 && `: ${count(other, "route was", "routes were")} looked at, and none is meant for it`}.</li>}
      </ul>
      {other > 0 && fitting.length > 0 && <p className="quiet build-other">{count(other, "other route")} not concerned.</p>}
    </Panel>
  );
}

function Told({ route }: { route: RouteDecision }): ReactElement {
  const look = OUTCOMES[route.outcome];
  return (
    <li>
      <span className={`build-outcome tone-${look.tone}`}><Icon name={look.icon} /></span>
      <div>
        <strong className="foreign">{route.receiver ?? route.route}</strong> {look.word}
        {route.settled_at !== null && route.outcome === "told" && <> <Instant at={route.settled_at} /></>}
        {route.due_at !== null && <>, <Instant at={route.due_at} /></>}
        <p className="quiet">{route.reason !== null && <span className="foreign">{sentence(route.reason)} </span>}Route <span className="foreign">{route.route}</span>.</p>
      </div>
    </li>
  );
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;
}

export function ChangesPanel({ build }: { build: OneBuild }): ReactElement {
  const changes = useGet<BuildChanges>(`/api/builds/${build.id}/changes`, {}, { isFresh: true });
  const known = changes.data;
  const aside = known && known.commits.length > 0 ? count(known.commits.length, "commit") + (known.is_complete ? "" : " at least") : undefined;
  return (
    <Panel title="Changes" aside={aside} actions={known?.base_build_id != null && <ViewLink to={`/builds/${known.base_build_id}`}>Last good build</ViewLink>}>
      <Answered of={changes} rows={3}>{(found) => <ChangeList changes={found} />}</Answered>
    </Panel>
  );
}

function ChangeList({ changes }: { changes: BuildChanges }): ReactElement {
  return (
    <>
      {changes.commits.length > 0 && (
        <ol className="build-commits">
          {changes.commits.map((commit) => (
            <li key={commit.sha}>
              <span className="clip foreign" title={commit.message ?? undefined}>{commit.message?.split("\n", 1)[0] ?? "No message"}</span>
              <small className="quiet"><code>{commit.sha.slice(0, 7)}</code> · <span className="foreign">{commit.author ?? "unknown"}</span> · <Instant at={commit.committed_at} /></small>
            </li>
          ))}
        </ol>
      )}
      {changes.reason !== null && <p className="quiet build-reason">{changes.commits.length > 0 ? "Some are missing: " : "None are known: "}{changes.reason}.</p>}
      {changes.commits.length === 0 && changes.reason === null && <p className="quiet build-reason">The same commit as the last good build.</p>}
    </>
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
        <small className="quiet"> <Instant at={event.at} />{late !== null && `, learnt ${duration(late)} later`}{event.is_backfill && ", from the past"}{event.is_superseded && ", of an attempt that was over"}</small>
      </div>
    </li>
  );
}
