/** What is broken, and what was. */
import type { ReactElement } from "react";
import type { Query } from "~/api/request";
import { usePages } from "~/api/use_pages";
import type { Incident, Incidents } from "~/api/types";
import { count, whole } from "~/lib/numbers";
import { providerName } from "~/lib/provider";
import { duration } from "~/lib/time";
import { useScope } from "~/state/scope";
import { useNow } from "~/state/now";
import { useParameters } from "~/state/url";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Panel } from "~/ui/panel";
import { FlakyMark } from "~/ui/pill";
import { Blank } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { Listed } from "./more";

const LOOKS = {
  broken: { word: "Broken", tone: "bad", icon: "cross" },
  flapping: { word: "Flapping", tone: "late", icon: "refresh" },
  fixed: { word: "Fixed", tone: "good", icon: "check" },
} as const;

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
    limit: 50,
  };
  const answer = usePages<Incidents>("/api/incidents", asked);
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
        </>
      }
      isFlush
    >
      <Listed of={answer}>
        {(pages) => {
          const incidents = pages.flatMap((page) => page.incidents);
          return incidents.length === 0 ? <Nothing isPast={isPast} /> : <Table incidents={incidents} />;
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
  return (
    <div className="scrolls">
      <table className="data alerts-table alerts-incidents">
        <caption className="visually-hidden">Incidents</caption>
        <thead><tr><th scope="col">State</th><th scope="col">Pipeline</th><th scope="col">Branch</th><th scope="col">Since</th><th scope="col" className="number">Lasted</th><th scope="col" className="number">Failures</th><th scope="col">Builds</th></tr></thead>
        <tbody>{incidents.map((incident) => <Row key={incident.id} incident={incident} />)}</tbody>
      </table>
    </div>
  );
}

function Row({ incident }: { incident: Incident }): ReactElement {
  const now = useNow();
  const look = LOOKS[incident.status];
  const place = incident.repository === null || incident.repository === incident.pipeline_name ? providerName(incident.provider) : `${incident.repository} · ${providerName(incident.provider)}`;
  const lasted = incident.fixed_at === null ? Math.round(Math.max(0, now - Date.parse(incident.opened_at)) / 1000) : incident.duration_seconds;
  return (
    <tr data-incident={incident.id}>
      <td className="alerts-state"><span className={`pill tone-${look.tone}`}><Icon name={look.icon} /> {look.word}</span></td>
      <th scope="row" className="alerts-name">
        <ViewLink to={`/incidents/${incident.id}`} className="foreign clip" title={incident.pipeline_name}>{incident.pipeline_name}</ViewLink>
        <small className="quiet foreign clip" title={place}>{place}</small>
      </th>
      <td className="alerts-branch"><span className="foreign clip" title={incident.branch ?? undefined}>{incident.branch ?? "–"}</span></td>
      <td className="alerts-when"><Instant at={incident.opened_at} /></td>
      <td className="number alerts-when">{duration(lasted)}</td>
      <td className="number">
        {whole(incident.failures)}{incident.is_flaky && <> <FlakyMark /></>}
        {incident.flaps > 0 && <small className="quiet alerts-under" title={`Broke ${count(incident.flaps + 1, "time")} within an hour`}>{count(incident.flaps, "flap")}</small>}
      </td>
      <td className="alerts-builds">
        <ViewLink to={`/builds/${incident.first_bad_build_id}`}>first bad</ViewLink>
        {incident.fixed_by_build_id !== null && <ViewLink to={`/builds/${incident.fixed_by_build_id}`}>fixed by</ViewLink>}
        {incident.fixed_by_build_id === null && incident.last_good_build_id !== null && <ViewLink to={`/builds/${incident.last_good_build_id}`}>last good</ViewLink>}
        {incident.is_silent && <span className="tag" title="There before we watched, of the past, or learnt of too late: nobody is told">no news</span>}
      </td>
    </tr>
  );
}
