/** What is peculiar about an incident. */
import type { ReactElement } from "react";
import type { Incident, OneIncident } from "~/api/types";
import { marksOf } from "~/lib/incident";
import { StaleNote } from "~/shell/stale_note";
import { Icon } from "~/ui/icon";

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
export function PerhapsOver({ incident }: { incident: OneIncident }): ReactElement | null {
  return incident.fixed_at === null ? <StaleNote of={incident.stale_sources}>by now this may have been fixed</StaleNote> : null;
}
