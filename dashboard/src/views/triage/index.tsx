/** Failures only: what is broken now, which jobs fail, and what the failures have in common. */
import type { ReactElement, ReactNode } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Query } from "~/api/request";
import { useGet } from "~/api/use";
import type { Triage } from "~/api/types";
import { BuildsLink } from "~/builds/builds_link";
import { count, percent, whole } from "~/lib/numbers";
import { zone } from "~/lib/time";
import { useScope } from "~/state/scope";
import { useParameters } from "~/state/url";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { Failure, Former, Loading, Older } from "~/ui/states";
import { useOpenIncidents } from "~/views/incident/use_open";
import { Common, Said } from "./common";
import { standouts } from "./grid";
import { Shape } from "./incident_detail";
import { Incidents } from "./incidents";
import { Jobs } from "./jobs";
import { Split } from "./split";
import { Toolbar, groupingOf, type Grouping } from "./toolbar";
import "../incident/incident.css";
import "./triage.css";

export default function View(): ReactElement {
  const { query, frame } = useScope();
  const { get } = useParameters();
  const grouping = groupingOf(get("by"));
  const hasBranches = query.branch === undefined;
  const hasAllBranches = !hasBranches || get("branches") === "all";
  const broken: Query = hasAllBranches ? query : { ...query, is_default_branch: "true" };
  const open = useOpenIncidents(broken);
  const triage = useGet<Triage>("/api/triage", { ...query, since: frame.since, until: frame.until, timezone: zone() });
  const toolbar = (steps: ReactNode): ReactNode => <Toolbar grouping={grouping} open={open.data?.incidents.length} jobs={triage.data?.job_count} hasBranches={hasBranches} query={{ ...broken, status: "open" }}>{steps}</Toolbar>;
  return (
    <div className="triage">
      <h1 className="visually-hidden">Triage</h1>
      {grouping === "incidents" && <Unsaid of={triage} />}
      <Former of={triage}><Summary triage={triage} words={frame.words} grouping={grouping} /></Former>
      {grouping === "incidents"
        ? <Known of={open} toolbar={toolbar}>{(found) => <Incidents open={found} hasAllBranches={hasAllBranches} toolbar={toolbar} />}</Known>
        : <Known of={triage} toolbar={toolbar}>{(found) => (grouping === "jobs" ? <Jobs triage={found} toolbar={toolbar} /> : <>{toolbar(null)}<Common triage={found} query={query} /></>)}</Known>}
    </div>
  );
}

interface KnownProps<Answer> {
  of: UseQueryResult<Answer>;
  toolbar: (steps: ReactNode) => ReactNode;
  children: (answer: Answer) => ReactNode;
}

/** The answer; until it comes its shape, and where none comes, why. */
function Known<Answer>({ of, toolbar, children }: KnownProps<Answer>): ReactNode {
  if (of.data !== undefined) {
    return (
      <>
        <Older of={of} />
        <Former of={of}>{children(of.data)}</Former>
      </>
    );
  }
  return (
    <>
      {toolbar(null)}
      {of.isError ? <Failure error={of.error} again={() => void of.refetch()} /> : (
        <Split isChosen={false} list={<div className="triage-pad"><Loading rows={12} words="Loading what failed" /></div>}>
          <div className="triage-detail incident-body"><Shape /></div>
        </Split>
      )}
    </>
  );
}

/** Why there is no summary, or how old it is, where nothing below says it. */
function Unsaid({ of }: { of: UseQueryResult<Triage> }): ReactElement {
  return of.data === undefined && of.isError ? <Failure error={of.error} again={() => void of.refetch()} /> : <Older of={of} />;
}

function Summary({ triage: { data: triage, isError }, words, grouping }: { triage: UseQueryResult<Triage>; words: string; grouping: Grouping }): ReactElement | null {
  const { query } = useScope();
  if (triage === undefined && isError) return null;
  if (triage === undefined) return <div className="triage-summary"><span className="skeleton triage-summary-wait" /></div>;
  const [first] = standouts(triage.grid);
  return (
    <div className="triage-summary">
      <div className="triage-share-failed">
        <span>
          <BuildsLink link={triage.link}><strong>{whole(triage.failures)}</strong> of {count(triage.verdicts, "build")} failed</BuildsLink>{triage.verdicts > 0 && ` (${percent(triage.failures / triage.verdicts)})`} in the {words}
          {triage.window.is_cut && ", of which only the newest 40,000 are counted"}.
        </span>
        <Menu label={<Icon name="info" />} words="About this figure" className="incident-info">
          <p className="incident-explained">Failed are builds that failed or timed out, of those that did or succeeded. Cancelled, skipped and unfinished ones are left out.</p>
        </Menu>
      </div>
      {grouping !== "common" && first !== undefined && <ul className="triage-said"><Said one={first} triage={triage} query={query} /></ul>}
    </div>
  );
}
