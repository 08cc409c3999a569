/** What is broken now, at the side. */
import type { ReactElement } from "react";
import type { Incident } from "~/api/types";
import { brokenFor, placeOf } from "~/lib/incident";
import { duration, exact } from "~/lib/time";
import { StaleMark } from "~/shell/stale_mark";
import { useNow } from "~/state/now";
import { FlakyMark } from "~/ui/pill";
import { Failures } from "~/views/incident/failures";
import { SideRow } from "./side_list";

interface Props {
  incident: Incident;
  isCurrent: boolean;
  /** Why it may be over already. */
  stale: string | undefined;
}

export function IncidentRow({ incident, isCurrent, stale }: Props): ReactElement {
  const now = useNow();
  const place = placeOf(incident);
  return (
    <SideRow name="incident" value={String(incident.id)} isCurrent={isCurrent} isStale={stale !== undefined}>
      <span className="triage-line">
        <strong className="foreign clip" title={incident.pipeline_name}>{incident.pipeline_name}</strong>
        <span className="triage-for" title={`Since ${exact(incident.opened_at)}`}>{duration(brokenFor(incident, now))}</span>
      </span>
      <span className="triage-line quiet"><span className="foreign clip" title={place}>{place}</span>{incident.branch !== null && <><span aria-hidden="true">·</span><span className="foreign clip" title={incident.branch}>{incident.branch}</span></>}</span>
      <span className="triage-line quiet">
        <Failures incident={incident} />
        {incident.status === "flapping" && <span className="tag late">flapping</span>}
        {incident.is_flaky && <FlakyMark />}
        {incident.is_silent && <span className="tag">silent</span>}
        <StaleMark reason={stale} />
      </span>
    </SideRow>
  );
}
