/** What is broken, and what was. */
import type { ReactElement } from "react";
import type { Query } from "~/api/request";
import { usePages } from "~/api/use_pages";
import type { Incident, Incidents } from "~/api/types";
import { SILENT, brokenFor } from "~/lib/incident";
import { count, whole } from "~/lib/numbers";
import { whereOf } from "~/lib/provider";
import { duration } from "~/lib/time";
import { STALE_ROW, StaleMark } from "~/shell/stale_mark";
import { LACKING, StaleNote } from "~/shell/stale_note";
import { useStale } from "~/shell/use_stale";
import { useScope } from "~/state/scope";
import { useNow } from "~/state/now";
import { useParameters } from "~/state/url";
import { Export } from "~/ui/export";
import { Flapping } from "~/ui/flapping";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Panel } from "~/ui/panel";
import { FlakyMark, IncidentPill } from "~/ui/pill";
import { Blank } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { Listed } from "./more";

export function IncidentsTab(): ReactElement {
  const { query, frame } = useScope();
  const { get, set } = useParameters();
  const isPast = get("status") === "fixed" || get("fixed_since") !== null;
  const isDefaultOnly = get("is_default_branch") === "true";
  const pipeline = get("pipeline_id");
  const asked: Query = {
    ...query,
    pipeline_id: pipeline,
    is_default_branch: isDefaultOnly ? "true" : null,
    status: isPast ? "fixed" : "open",
    fixed_since: isPast ? (get("fixed_since") ?? frame.since) : null,
    fixed_until: isPast ? (get("fixed_until") ?? frame.until) : null,
  };
  const answer = usePages<Incidents>("/api/incidents", { ...asked, limit: 50 });
  const choose = (past: boolean): void => set({ status: past ? "fixed" : null, fixed_since: null, fixed_until: null });
  return (
    <Panel
      title={isPast ? "Fixed incidents" : "Open incidents"}
      aside={isPast ? (get("fixed_since") === null ? `fixed in the ${frame.words}` : "fixed in the chosen window") : "whenever they began, the latest first"}
      actions={
        <>
          {pipeline !== null && <button type="button" className="button" onClick={() => set({ pipeline_id: null })}><Icon name="close" /> One pipeline only</button>}
          <button type="button" className="button" aria-pressed={isDefaultOnly} onClick={() => set({ is_default_branch: isDefaultOnly ? null : "true" })}><Icon name="branch" /> Default branches</button>
          <div className="segments" role="group" aria-label="Which incidents">
            <button type="button" aria-pressed={!isPast} onClick={() => choose(false)}>Open</button>
            <button type="button" aria-pressed={isPast} onClick={() => choose(true)}>Fixed</button>
          </div>
          <Export words="incidents" lists={[{ name: "incidents", path: "/api/incidents", query: asked }]} note="All incidents that match, not only those in sight." />
        </>
      }
      isFlush
    >
      <Listed of={answer}>
        {(pages) => {
          const incidents = pages.flatMap((page) => page.incidents);
          return (
            <>
              <StaleNote of={pages.flatMap((page) => page.stale_sources)}>{isPast ? LACKING : "by now more may be broken, or fixed"}</StaleNote>
              {incidents.length === 0 ? <Nothing isPast={isPast} /> : <Table incidents={incidents} />}
            </>
          );
        }}
      </Listed>
    </Panel>
  );
}

function Nothing({ isPast }: { isPast: boolean }): ReactElement {
  if (isPast) return <Blank icon="clock" title="Nothing was fixed in this window">Widen the window of time to see what was.</Blank>;
  return <Blank icon="check" title="Nothing is broken">No branch in this scope has an open incident.</Blank>;
}

function Table({ incidents }: { incidents: readonly Incident[] }): ReactElement {
  const stale = useStale();
  return (
    <div className="scrolls">
      <table className="data alerts-table alerts-incidents">
        <caption className="visually-hidden">Incidents</caption>
        <thead><tr><th scope="col">State</th><th scope="col">Pipeline</th><th scope="col">Branch</th><th scope="col">Since</th><th scope="col" className="number">Lasted</th><th scope="col" className="number">Failures</th><th scope="col">Builds</th></tr></thead>
        <tbody>{incidents.map((incident) => <Row key={incident.id} incident={incident} stale={incident.fixed_at === null ? stale.get(incident.pipeline_id) : undefined} />)}</tbody>
      </table>
    </div>
  );
}

/** `stale`: why it may be over already. */
function Row({ incident, stale }: { incident: Incident; stale: string | undefined }): ReactElement {
  const now = useNow();
  const place = whereOf(incident);
  return (
    <tr data-incident={incident.id} className={stale === undefined ? undefined : STALE_ROW}>
      <td className="alerts-state"><IncidentPill status={incident.status} /> <StaleMark reason={stale} /></td>
      <th scope="row" className="alerts-name">
        <ViewLink to={`/incidents/${incident.id}`} className="foreign clip" title={incident.pipeline_name}>{incident.pipeline_name}</ViewLink>
        <small className="quiet foreign clip" title={place}>{place}</small>
        <small className="quiet foreign clip alerts-brief">{incident.branch}</small>
      </th>
      <td className="alerts-branch"><span className="foreign clip" title={incident.branch ?? undefined}>{incident.branch ?? "–"}</span></td>
      <td className="alerts-when"><Instant at={incident.opened_at} /></td>
      <td className="number alerts-when">{duration(brokenFor(incident, now))}</td>
      <td className="number">
        <span className="alerts-failures">
          {incident.flaps > 0 && <Flapping flaps={incident.flaps}>{count(incident.flaps, "flap")}</Flapping>}
          {incident.is_flaky && <FlakyMark />}
          {whole(incident.failures)}
        </span>
      </td>
      <td>
        <span className="alerts-links">
          <ViewLink to={`/builds/${incident.first_bad_build_id}`}>first bad</ViewLink>
          {incident.fixed_by_build_id !== null && <ViewLink to={`/builds/${incident.fixed_by_build_id}`}>fixed by</ViewLink>}
          {incident.fixed_by_build_id === null && incident.last_good_build_id !== null && <ViewLink to={`/builds/${incident.last_good_build_id}`}>last good</ViewLink>}
          {incident.is_silent && <span className="tag" title={SILENT}>silent</span>}
        </span>
      </td>
    </tr>
  );
}
