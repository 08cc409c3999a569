/** What is broken now, at the side. */
import type { ReactElement } from "react";
import type { Incident } from "~/api/types";
import { count } from "~/lib/numbers";
import { duration, exact } from "~/lib/time";
import { useNow } from "~/state/now";
import { FlakyMark } from "~/ui/pill";
import { brokenFor, placeOf } from "~/views/incident/standing";
import { SideRow } from "./side_list";

export function IncidentRow({ incident, isCurrent }: { incident: Incident; isCurrent: boolean }): ReactElement {
  const now = useNow();
  const place = placeOf(incident);
  return (
    <SideRow name="incident" value={String(incident.id)} isCurrent={isCurrent}>
      <span className="triage-line">
        <strong className="foreign clip" title={incident.pipeline_name}>{incident.pipeline_name}</strong>
        <span className="triage-for" title={`Since ${exact(incident.opened_at)}`}>{duration(brokenFor(incident, now))}</span>
      </span>
      <span className="triage-line quiet"><span className="foreign clip" title={place}>{place}</span>{incident.branch !== null && <><span aria-hidden="true">·</span><span className="foreign clip" title={incident.branch}>{incident.branch}</span></>}</span>
      <span className="triage-line quiet">
        {count(incident.failures, "failure")}
        {incident.status === "flapping" && <span className="tag late">flapping</span>}
        {incident.is_flaky && <FlakyMark />}
        {incident.is_silent && <span className="tag">silent</span>}
      </span>
    </SideRow>
  );
}
