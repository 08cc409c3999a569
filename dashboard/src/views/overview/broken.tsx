/** What is broken now, longest first. */
import { useState, type ReactElement } from "react";
import type { Query } from "~/api/request";
import type { Incident } from "~/api/types";
import { whole } from "~/lib/numbers";
import { providerName } from "~/lib/provider";
import { duration, exact } from "~/lib/time";
import { STALE_ROW, StaleMark } from "~/shell/stale_mark";
import { useStale } from "~/shell/use_stale";
import { useNow } from "~/state/now";
import { useParameters } from "~/state/url";
import { Flapping } from "~/ui/flapping";
import { Icon } from "~/ui/icon";
import { Panel } from "~/ui/panel";
import { FlakyMark } from "~/ui/pill";
import { Answered } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { Failures } from "~/views/incident/failures";
import { useOpenIncidents, type OpenIncidents } from "~/views/incident/use_open";

const FEW = 6;

export function BrokenNow({ query }: { query: Query }): ReactElement {
  const { search, set } = useParameters();
  const isAll = isOfAll(search);
  const open = useOpenIncidents(brokenQuery(query, search));
  const actions = query.branch === undefined && (
    <div className="segments" role="group" aria-label="Which branches">
      <button type="button" aria-pressed={!isAll} onClick={() => set({ broken: null })}>Default</button>
      <button type="button" aria-pressed={isAll} onClick={() => set({ broken: "all" })}>All branches</button>
    </div>
  );
  return (
    <Panel title="Broken now" aside={open.isPlaceholderData || open.data === undefined ? undefined : asideOf(open.data)} actions={actions} isFlush className="overview-broken">
      <p className="overview-counted quiet">Open incidents{isAll ? "" : " on default branches"}: each from its first failure until it is fixed.</p>
      <Answered of={open} rows={6}>{({ incidents }) => (incidents.length === 0 ? <AllGreen isAll={isAll} /> : <List incidents={incidents} />)}</Answered>
    </Panel>
  );
}

export function brokenQuery(query: Query, search: URLSearchParams): Query {
  return isOfAll(search) ? query : { ...query, is_default_branch: "true" };
}

/** A branch that was chosen need not be the default one. */
function isOfAll(search: URLSearchParams): boolean {
  return search.get("broken") === "all" || Boolean(search.get("branch"));
}

function asideOf({ incidents, isCut }: OpenIncidents): string | undefined {
  if (incidents.length === 0) return undefined;
  return `${isCut ? "the newest " : ""}${whole(incidents.length)}, longest first`;
}

function AllGreen({ isAll }: { isAll: boolean }): ReactElement {
  return (
    <div className="blank overview-green tone-good">
      <Icon name="check" />
      <strong>{isAll ? "Every branch is green." : "Every default branch is green."}</strong>
      <p>Nothing is broken. A good moment to ship, or to put the kettle on.</p>
    </div>
  );
}

function List({ incidents }: { incidents: readonly Incident[] }): ReactElement {
  const stale = useStale();
  const [isOpen, setOpen] = useState(false);
  const shown = isOpen ? incidents : incidents.slice(0, FEW);
  return (
    <>
      <ol className="overview-incidents">{shown.map((incident) => <Row key={incident.id} incident={incident} stale={stale.get(incident.pipeline_id)} />)}</ol>
      {incidents.length > FEW && (
        <button type="button" className="overview-more" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? "Only the longest" : `${incidents.length - FEW} more`} <Icon name={isOpen ? "up" : "down"} />
        </button>
      )}
    </>
  );
}

function Row({ incident, stale }: { incident: Incident; stale: string | undefined }): ReactElement {
  const now = useNow();
  const seconds = Math.max(0, (now - Date.parse(incident.opened_at)) / 1000);
  return (
    <li className={stale === undefined ? "overview-incident" : `overview-incident ${STALE_ROW}`}>
      <span className="overview-incident-name">
        <ViewLink to={`/incidents/${incident.id}`} className="foreign clip" title={incident.pipeline_name}>{incident.pipeline_name}</ViewLink>
        {incident.status === "flapping" && <Flapping flaps={incident.flaps} />}
        {incident.is_flaky && <FlakyMark />}
        <StaleMark reason={stale} />
        <span className="overview-broken-for" title={`Since ${exact(incident.opened_at)}`}>{duration(Math.round(seconds))}</span>
      </span>
      <span className="overview-incident-where quiet">
        <span className="foreign clip" title={`${incident.repository ?? providerName(incident.provider)} ${incident.branch ?? ""}`}>{incident.repository ?? providerName(incident.provider)}{incident.branch !== null && ` · ${incident.branch}`}</span>
      </span>
      <FirstBad incident={incident} />
      <span className="overview-incident-facts quiet">
        <Failures incident={incident} />
        <ViewLink to={`/builds/${incident.first_bad_build_id}`}>first bad</ViewLink>
        {incident.last_good_build_id === null ? <span>never good while watched</span> : <ViewLink to={`/builds/${incident.last_good_build_id}`}>last good</ViewLink>}
      </span>
    </li>
  );
}

/** The job that failed first and whose commit the first bad build had, as far as the provider says. */
function FirstBad({ incident: { first_bad_job: job, first_bad_author: author } }: { incident: Incident }): ReactElement | null {
  if (job === null && author === null) return null;
  const title = [job !== null && `Job that failed first: ${job}`, author !== null && `First bad commit by ${author}`].filter(Boolean).join("\n");
  return (
    <span className="overview-incident-where quiet" title={title}>
      {job !== null && <span className="foreign clip">{job}</span>}
      {author !== null && <span className="foreign clip">{job === null ? "Commit" : ", commit"} by {author}</span>}
    </span>
  );
}
