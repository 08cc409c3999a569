/** The incident that is looked at, beside the list. */
import type { ReactElement } from "react";
import type { OneIncident } from "~/api/types";
import { Panel } from "~/ui/panel";
import { IncidentPill } from "~/ui/pill";
import { Blank, Failure, Loading, Older, type Standing } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { Refused } from "~/api/request";
import { Commits, commitsAside } from "~/views/incident/commits";
import { Marks, PerhapsOver } from "~/views/incident/mark";
import { FailedJobs } from "~/views/incident/jobs";
import { Where } from "~/views/incident/head";
import { Range } from "~/views/incident/range";
import { Story } from "~/views/incident/story";
import { Tellings } from "~/views/incident/told";
import { ToProvider } from "~/views/incident/trail";
import { useIncident } from "~/views/incident/use_incident";
import { useProviderKey } from "~/views/incident/use_provider_key";

export function IncidentDetail({ id }: { id: number }): ReactElement {
  const incident = useIncident(id);
  useProviderKey(incident.data, "Triage");
  if (incident.data !== undefined) return <Loaded incident={incident.data} standing={incident} />;
  if (incident.isError && incident.error instanceof Refused && incident.error.status === 404) return <div className="panel"><Blank icon="question" title="There is no such incident">It may be older than what is kept.</Blank></div>;
  if (incident.isError) return <Failure error={incident.error} again={() => void incident.refetch()} />;
  return <Shape />;
}

function Loaded({ incident, standing }: { incident: OneIncident; standing: Standing }): ReactElement {
  return (
    <>
      <header className="panel incident-head">
        <Older of={standing} />
        <div className="row wrap">
          <IncidentPill status={incident.status} />
          <h2><ViewLink to={`/incidents/${incident.id}`} className="foreign">{incident.pipeline_name}</ViewLink></h2>
          <div className="row push">
            <ToProvider incident={incident} />
            <ViewLink to={`/incidents/${incident.id}`} className="button">The whole story</ViewLink>
          </div>
        </div>
        <Where incident={incident} />
        <Story incident={incident} />
        <Marks incident={incident} />
        <PerhapsOver incident={incident} />
      </header>
      <Panel title="From good to bad"><Range incident={incident} /></Panel>
      <Panel title="Jobs that failed first"><FailedJobs incident={incident} /></Panel>
      <Panel title="What came in" aside={commitsAside(incident)}><Commits incident={incident} /></Panel>
      <Panel title="Who was told"><Tellings incident={incident} /></Panel>
    </>
  );
}

export function Shape(): ReactElement {
  return (
    <>
      <div className="panel incident-head"><Loading rows={4} words="Loading the incident" /></div>
      <Panel title="From good to bad"><Loading rows={2} /></Panel>
      <Panel title="Jobs that failed first"><Loading rows={2} /></Panel>
      <Panel title="What came in"><Loading rows={4} /></Panel>
    </>
  );
}
