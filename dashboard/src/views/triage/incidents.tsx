/** What is broken now: the list, and the one of it that is looked at. */
import { useEffect, type ReactElement, type ReactNode } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { useLocation } from "wouter";
import { get as ask } from "~/api/request";
import type { Incident } from "~/api/types";
import { useStale } from "~/shell/use_stale";
import { useShortcuts } from "~/state/keys";
import { keeping, useParameters } from "~/state/url";
import { Icon } from "~/ui/icon";
import { incidentPath } from "~/views/incident/use_incident";
import type { OpenIncidents } from "~/views/incident/use_open";
import { isMeant } from "./choose";
import { IncidentDetail } from "./incident_detail";
import { IncidentRow } from "./incident_list";
import { Nothing } from "./nothing";
import { SideList } from "./side_list";
import { Detail, Split, Steps, useSteps } from "./split";

interface Props {
  open: OpenIncidents;
  hasAllBranches: boolean;
  toolbar: (steps: ReactNode) => ReactNode;
}

export function Incidents({ open: { incidents: all, isCut }, hasAllBranches, toolbar }: Props): ReactElement {
  const { get, search } = useParameters();
  const [, navigate] = useLocation();
  const stale = useStale();
  const found = all.filter((incident) => isMeant(incident, get("q") ?? ""));
  const keys = found.map(keyOf);
  const asked = get("incident");
  const chosen = asked !== null && /^[1-9]\d{0,17}$/.test(asked) ? asked : null;
  const current = chosen ?? keys[0] ?? null;
  const place = current === null ? -1 : keys.indexOf(current);
  const open = (): void => {
    if (current !== null) navigate(keeping(`/incidents/${current}`, search));
  };
  const step = useSteps("incident", keys, chosen, "unresolved incident");
  useShortcuts([{ keys: ["Enter"], words: "The whole story of the incident", group: "Triage", run: open }]);
  useAtHand(keys[place + 1], keys[place - 1]);
  if (all.length === 0 && chosen === null) return <>{toolbar(null)}<AllGreen isAll={hasAllBranches} /></>;
  return (
    <>
      {toolbar(current !== null && <Steps step={step} place={place} length={keys.length} isChosen={chosen !== null} name="incident" />)}
      <Split
        isChosen={chosen !== null}
        list={found.length === 0 ? <Nothing hasAny={all.length > 0} /> : (
          <SideList
            label="Broken now, longest first" items={found} keyOf={keyOf} current={current} open={open}
            renderRow={(incident, isCurrent) => <IncidentRow incident={incident} isCurrent={isCurrent} stale={stale.get(incident.pipeline_id)} />}
          />
        )}
      >
        {current !== null && <Detail key={current}><IncidentDetail id={Number(current)} /></Detail>}
      </Split>
      {isCut && <p className="quiet incident-reason">Only the newest {all.length} incidents are listed: a repository or a branch in the header narrows them.</p>}
    </>
  );
}

function keyOf(incident: Incident): string {
  return String(incident.id);
}

/** Those before and after are asked for already, so that a key shows them at once. */
function useAtHand(...keys: readonly (string | undefined)[]): void {
  const client = useQueryClient();
  const wanted = keys.filter((key) => key !== undefined).join(" ");
  useEffect(() => {
    for (const key of wanted.split(" ").filter(Boolean)) {
      const path = incidentPath(Number(key));
      void client.prefetchQuery({ queryKey: [path, {}], queryFn: ({ signal }) => ask(path, {}, signal), retry: false });
    }
  }, [client, wanted]);
}

function AllGreen({ isAll }: { isAll: boolean }): ReactElement {
  const { set } = useParameters();
  return (
    <div className="panel">
      <div className="blank triage-green tone-good">
        <Icon name="check" />
        <strong>{isAll ? "Nothing is broken." : "No default branch is broken."}</strong>
        {isAll ? <p>What fails next appears here by itself.</p> : <button type="button" className="button" onClick={() => set({ branches: "all" })}>Look at all branches</button>}
      </div>
    </div>
  );
}
