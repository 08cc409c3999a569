/** What is broken, since when, and in short how that came about. */
import type { ReactElement } from "react";
import { address } from "~/api/request";
import type { OneIncident } from "~/api/types";
import { BuildsLink } from "~/builds/builds_link";
import { brokenFor } from "~/lib/incident";
import { whole } from "~/lib/numbers";
import { whereOf } from "~/lib/provider";
import { duration } from "~/lib/time";
import { useNow } from "~/state/now";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Menu } from "~/ui/menu";
import { IncidentPill } from "~/ui/pill";
import { ViewLink } from "~/ui/view_link";
import { Marks, PerhapsOver } from "./mark";
import { Story } from "./story";
import { ToProvider } from "./trail";

export function IncidentHead({ incident }: { incident: OneIncident }): ReactElement {
  return (
    <header className="panel incident-head">
      <div className="row wrap">
        <IncidentPill status={incident.status} />
        <h1><ViewLink to={`/pipelines/${incident.pipeline_id}`} className="foreign">{incident.pipeline_name}</ViewLink></h1>
        <span className="push"><ToProvider incident={incident} /></span>
      </div>
      <Where incident={incident} />
      <Story incident={incident} />
      <Marks incident={incident} />
      <PerhapsOver incident={incident} />
      <Figures incident={incident} />
    </header>
  );
}

export function Where({ incident }: { incident: OneIncident }): ReactElement {
  const where = whereOf(incident);
  return (
    <ul className="incident-where">
      <li><Icon name="layers" words="Where" /><span className="foreign clip" title={where}>{where}</span></li>
      {incident.branch !== null && (
        <li>
          <Icon name="branch" words="Branch" />
          <BuildsLink link={branchLink(incident, incident.branch)} className="foreign clip" title={incident.branch}>{incident.branch}</BuildsLink>
          {incident.is_default_branch && <span className="tag">default</span>}
        </li>
      )}
    </ul>
  );
}

function Figures({ incident }: { incident: OneIncident }): ReactElement {
  const now = useNow();
  const isOpen = incident.fixed_at === null;
  return (
    <dl className="incident-figures">
      <div>
        <dt>{isOpen ? "Broken for" : "Was broken for"} <About /></dt>
        <dd className={isOpen ? "tone-bad incident-for" : undefined}>{duration(brokenFor(incident, now))}</dd>
      </div>
      <div><dt>Failures in it</dt><dd><BuildsLink link={failuresLink(incident)}>{whole(incident.failures)}</BuildsLink></dd></div>
      <div><dt>First failed</dt><dd><Instant at={incident.opened_at} /></dd></div>
      <div><dt>Last failed</dt><dd><Instant at={incident.last_failed_at} /></dd></div>
      <div><dt>Fixed</dt><dd><Instant at={incident.fixed_at} none="not yet" /></dd></div>
    </dl>
  );
}

function About(): ReactElement {
  return (
    <Menu label={<Icon name="info" />} words="About these figures" className="incident-info">
      <dl className="incident-explained">
        <dt>Broken for</dt>
        <dd>From the end of the first failure to the end of the build that fixed it; while nothing did, until now.</dd>
        <dt>Failures in it</dt>
        <dd>
          How often the branch’s newest build failed, from the first on. The list behind it has every failed build since, also those that
          were not the newest.
        </dd>
      </dl>
    </Menu>
  );
}

/** The failures of the branch since the first bad build was queued. */
function failuresLink(incident: OneIncident): string {
  return address("/api/builds", {
    pipeline_id: incident.pipeline_id,
    branch: incident.branch === null ? null : [incident.branch],
    status: "failed,timed_out",
    since: incident.first_bad?.queued_at ?? incident.opened_at,
    until: incident.fixed_at,
  });
}

function branchLink(incident: OneIncident, branch: string): string {
  return address("/api/builds", { pipeline_id: incident.pipeline_id, branch: [branch] });
}
