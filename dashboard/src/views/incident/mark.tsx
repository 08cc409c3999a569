/** How an incident stands, and what is peculiar about it. */
import type { ReactElement } from "react";
import type { Incident, OneIncident } from "~/api/types";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { marksOf, standingOf } from "./standing";

export function IncidentPill({ status }: { status: Incident["status"] }): ReactElement {
  const look = standingOf(status);
  return <span className={`pill tone-${look.tone}`}><Icon name={look.icon} />{look.word}</span>;
}

export function Marks({ incident }: { incident: Incident }): ReactElement | null {
  const marks = marksOf(incident);
  if (marks.length === 0) return null;
  return (
    <ul className="incident-marks">
      {marks.map((mark) => (
        <li key={mark.name}>
          <Icon name={mark.icon} />
          <span><strong>{mark.name}.</strong> <span className="quiet">{mark.words}</span></span>
        </li>
      ))}
    </ul>
  );
}

/** Why an open incident may be over already without anybody here knowing. */
export function StaleNote({ incident }: { incident: OneIncident }): ReactElement | null {
  const [stale] = incident.stale_sources;
  if (stale === undefined || incident.fixed_at !== null) return null;
  return (
    <p className="notice tone-late" role="status">
      <Icon name="clock" />
      <span>Nothing was heard of <strong className="foreign">{stale.scope}</strong> since <Instant at={stale.last_contact_at} none="the beginning" />: by now this may have been fixed. <span className="foreign quiet">{stale.reason}</span></span>
    </p>
  );
}
