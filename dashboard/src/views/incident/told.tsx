/** Whom it was told to, and why, or why not. */
import type { ReactElement } from "react";
import type { OneIncident } from "~/api/types";
import { useDecisions } from "~/api/use_decisions";
import { count } from "~/lib/numbers";
import type { IconName, Tone } from "~/lib/status";
import { Decided } from "~/ui/decided";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Answered } from "~/ui/states";
import type { Telling } from "./types";

export function Tellings({ incident }: { incident: OneIncident }): ReactElement {
  const { told } = incident;
  if (told.length === 0) return <p className="quiet incident-reason">{incident.is_silent ? "Nobody: it is no news." : "Nobody so far."}</p>;
  return <ul className="told">{told.map((telling) => <One key={telling.receiver} telling={telling} />)}</ul>;
}

function One({ telling }: { telling: Telling }): ReactElement {
  const [tone, icon] = markOf(telling);
  return (
    <li>
      <span className={`told-mark tone-${tone}`}><Icon name={icon} /></span>
      <div>
        <strong className="foreign">{telling.receiver}</strong>{" "}
        {telling.told === null ? "was told nothing yet" : <>was told it is {telling.told} <Instant at={telling.told_at} /></>}
        <p className="quiet">
          {telling.told !== null && `At ${count(telling.failures, "failure")}, by `}{telling.told === null && "By "}route <span className="foreign">{telling.route}</span>.
          {telling.is_wanted && <> More is to follow{telling.due_at !== null && <>, <Instant at={telling.due_at} /> at the earliest</>}.</>}
          {telling.held !== null && <> Held back: <span className="foreign">{telling.held}</span>.</>}
          {telling.repeat_at !== null && <> Said again <Instant at={telling.repeat_at} /> if it still fails.</>}
        </p>
      </div>
    </li>
  );
}

function markOf(telling: Telling): [Tone, IconName] {
  if (telling.held !== null) return ["held", "hand"];
  if (telling.is_wanted) return ["busy", "clock"];
  return telling.told === null ? ["none", "slash"] : ["good", "check"];
}

/** What was decided about one event of the log. */
export function DecisionsOf({ pos }: { pos: number }): ReactElement {
  return <Answered of={useDecisions(pos)} rows={2}>{(found) => <Decided decisions={found} />}</Answered>;
}
