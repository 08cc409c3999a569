/** What happened to an incident, from its first failure on; each step says who was told of it, and why. */
import { useState, type ReactElement } from "react";
import type { OneIncident } from "~/api/types";
import { count } from "~/lib/numbers";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Outside } from "~/ui/outside";
import { ViewLink } from "~/ui/view_link";
import { DecisionsOf } from "./told";
import { buildOf, failuresOf, timelineOf, type Entry, type Happened } from "./timeline";
import type { IncidentEvent } from "./types";

export function Trail({ incident }: { incident: OneIncident }): ReactElement {
  const entries = timelineOf(incident);
  const [first] = incident.events;
  return (
    <>
      {first !== undefined && first.version > 1 && <p className="quiet incident-reason">Only the newest {incident.events.length} steps are shown.</p>}
      <ol className="incident-trail">{entries.map((entry) => <Step key={entry.key} entry={entry} />)}</ol>
    </>
  );
}

function Step({ entry }: { entry: Entry }): ReactElement {
  if (entry.kind === "event") return <HappenedStep entry={entry} />;
  return (
    <li className="tone-busy">
      <span className="incident-dot"><Icon name="bell" /></span>
      <div>
        <span><strong className="foreign">{entry.telling.receiver}</strong> was told it is {entry.telling.told}</span>
        <small className="quiet"> <Instant at={entry.at} /></small>
      </div>
    </li>
  );
}

function HappenedStep({ entry }: { entry: Happened }): ReactElement {
  const last = entry.events.at(-1);
  const isMany = entry.events.length > 1;
  return (
    <li className={`tone-${entry.tone}`}>
      <span className="incident-dot"><Icon name={entry.icon} /></span>
      <div>
        <span className="incident-step">
          <strong>{entry.word}{isMany && `, ${count(entry.events.length, "time")}`}</strong>
          <small className="quiet"><Instant at={entry.at} />{isMany && last !== undefined && <> to <Instant at={last.at} /></>}</small>
        </span>
        {isMany ? <Repeats events={entry.events} /> : entry.events.map((event) => <About key={event.pos} event={event} />)}
      </div>
    </li>
  );
}

/** Each of the same events, for whoever wants to know. */
function Repeats({ events }: { events: readonly IncidentEvent[] }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Each of them</summary>
      {isOpen && <ol className="incident-repeats">{events.map((event) => <li key={event.pos}><About event={event} hasInstant /></li>)}</ol>}
    </details>
  );
}

function About({ event, hasInstant = false }: { event: IncidentEvent; hasInstant?: boolean }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const build = buildOf(event);
  const failures = failuresOf(event);
  return (
    <>
      <small className="quiet incident-about">
        {hasInstant && <Instant at={event.at} />}
        {build !== null && <ViewLink to={`/builds/${build}`}>the build</ViewLink>}
        {failures !== null && event.to_status !== "fixed" && <span>{count(failures, "failure")} by then</span>}
        {event.is_backfill && <span>learnt while the past was collected</span>}
      </small>
      <details onToggle={(toggled) => setOpen(toggled.currentTarget.open)}>
        <summary>Who was told, and why</summary>
        {isOpen && <DecisionsOf pos={event.pos} />}
      </details>
    </>
  );
}

/** Where the provider shows the build that failed last. */
export function ToProvider({ incident }: { incident: OneIncident }): ReactElement | null {
  const build = incident.last_bad ?? incident.first_bad;
  return build === null ? null : <Outside url={build.web_url} words="Open the last failure at the provider (o)">Last failure</Outside>;
}
