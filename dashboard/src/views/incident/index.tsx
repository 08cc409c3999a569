/** One incident: when it broke, what came in, who was told, how it ended. */
import { useEffect, type ReactElement } from "react";
import { useParams } from "wouter";
import { Refused } from "~/api/request";
import type { OneIncident } from "~/api/types";
import { Panel } from "~/ui/panel";
import { Blank, Failure, Loading, Older } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { Commits, commitsAside } from "./commits";
import { IncidentHead } from "./head";
import { FailedJobs } from "./jobs";
import { Range } from "./range";
import { DecisionsOf, Tellings } from "./told";
import { Trail } from "./trail";
import { useIncident } from "./use_incident";
import { useProviderKey } from "./use_provider_key";
import "./incident.css";

export default function View(): ReactElement {
  const { id = "" } = useParams<{ id: string }>();
  const number = /^[1-9]\d{0,17}$/.test(id) ? Number(id) : null;
  return number === null ? <NoIncident /> : <IncidentView key={number} id={number} />;
}

function NoIncident(): ReactElement {
  return (
    <Blank icon="question" title="There is no such incident" isPage>
      It may be older than what is kept. <ViewLink to="/triage">Triage</ViewLink> has what is broken now.
    </Blank>
  );
}

function IncidentView({ id }: { id: number }): ReactElement {
  const incident = useIncident(id);
  if (incident.data !== undefined) return <><Older of={incident} /><Loaded incident={incident.data} /></>;
  if (incident.isError && incident.error instanceof Refused && incident.error.status === 404) return <NoIncident />;
  if (incident.isError) return <Failure error={incident.error} again={() => void incident.refetch()} />;
  return <Shape />;
}

function Loaded({ incident }: { incident: OneIncident }): ReactElement {
  const newest = incident.events.at(-1);
  useTitle(incident);
  useProviderKey(incident, "Incident");
  return (
    <div className="incident" data-incident={incident.id}>
      <IncidentHead incident={incident} />
      <div className="incident-main incident-body">
        <Panel title="From good to bad"><Range incident={incident} /></Panel>
        <Panel title="Jobs that failed first"><FailedJobs incident={incident} /></Panel>
        <Panel title="What came in" aside={commitsAside(incident)}><Commits incident={incident} /></Panel>
      </div>
      <aside className="incident-side" aria-label="Told and happened">
        <Panel title="Who was told" actions={<ViewLink to="/alerts">Alerts</ViewLink>}>
          <Tellings incident={incident} />
          {newest !== undefined && (
            <div className="incident-latest"><h3>Why, at the latest step</h3><DecisionsOf pos={newest.pos} /></div>
          )}
        </Panel>
        <Panel title="What happened"><Trail incident={incident} /></Panel>
      </aside>
    </div>
  );
}

function useTitle(incident: OneIncident): void {
  const name = `${incident.pipeline_name}${incident.branch === null ? "" : ` on ${incident.branch}`}`;
  useEffect(() => {
    document.title = `${name} · Build Observatory`;
  }, [name]);
}

/** What is there before the incident is. */
function Shape(): ReactElement {
  return (
    <div className="incident">
      <div className="panel incident-head"><Loading rows={4} words="Loading the incident" /></div>
      <div className="incident-main incident-body">
        <Panel title="From good to bad"><Loading rows={2} /></Panel>
        <Panel title="Jobs that failed first"><Loading rows={2} /></Panel>
        <Panel title="What came in"><Loading rows={5} /></Panel>
      </div>
      <aside className="incident-side">
        <Panel title="Who was told"><Loading rows={3} /></Panel>
        <Panel title="What happened"><Loading rows={5} /></Panel>
      </aside>
    </div>
  );
}
