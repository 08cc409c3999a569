/** Whom it was told to, and why, or why not. */
import { useEffect, type ReactElement } from "react";
import type { OneIncident } from "~/api/types";
import { useGet } from "~/api/use";
import { count } from "~/lib/numbers";
import type { IconName, Tone } from "~/lib/status";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Answered } from "~/ui/states";
import type { Decisions, RouteDecision, Telling } from "./types";

export function Tellings({ incident }: { incident: OneIncident }): ReactElement {
  const { told } = incident;
  if (told.length === 0) return <p className="quiet incident-reason">{incident.is_silent ? "Nobody: it is no news." : "Nobody so far."}</p>;
  return <ul className="incident-told">{told.map((telling) => <One key={telling.receiver} telling={telling} />)}</ul>;
}

function One({ telling }: { telling: Telling }): ReactElement {
  const [tone, icon] = markOf(telling);
  return (
    <li>
      <span className={`incident-told-mark tone-${tone}`}><Icon name={icon} /></span>
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

const UNPLANNED_AGAIN_MS = 2_000;

/** What was decided about one event of the log. */
export function DecisionsOf({ pos }: { pos: number }): ReactElement {
  const decisions = useGet<Decisions>(`/api/events/${pos}/decisions`, {}, { isFresh: true });
  const { data, refetch } = decisions;
  const isUnplanned = data !== undefined && !data.is_planned;
  useEffect(() => {
    if (!isUnplanned) return undefined;
    const timer = setInterval(() => void refetch(), UNPLANNED_AGAIN_MS);
    return () => clearInterval(timer);
  }, [isUnplanned, refetch]);
  return <Answered of={decisions} rows={2}>{(found) => <Decided decisions={found} />}</Answered>;
}

function Decided({ decisions }: { decisions: Decisions }): ReactElement {
  if (!decisions.is_planned) return <p className="incident-why">This is being decided just now.</p>;
  const fitting = decisions.routes.filter((route) => route.outcome !== "unmatched");
  const other = decisions.routes.filter((route) => route.outcome === "unmatched");
  return (
    <div className="incident-decided">
      <p className="incident-why foreign">{decisions.decision_reason}</p>
      <ul className="incident-told">
        {fitting.map((route) => <Decision key={`${route.route} ${route.receiver}`} route={route} />)}
        {other.map((route) => <Decision key={route.route} route={route} />)}
      </ul>
      {decisions.routes.length === 0 && <p className="quiet incident-reason">No route is meant for it.</p>}
    </div>
  );
}

const OUTCOMES: Readonly<Record<RouteDecision["outcome"], { tone: Tone; icon: IconName; word: string }>> = {
  told: { tone: "good", icon: "check", word: "told" },
  queued: { tone: "busy", icon: "clock", word: "about to be told" },
  held: { tone: "held", icon: "hand", word: "held back for now" },
  suppressed: { tone: "none", icon: "slash", word: "not told" },
  dropped: { tone: "none", icon: "slash", word: "not told any more" },
  unmatched: { tone: "none", icon: "slash", word: "not concerned" },
};

function Decision({ route }: { route: RouteDecision }): ReactElement {
  const look = OUTCOMES[route.outcome];
  return (
    <li>
      <span className={`incident-told-mark tone-${look.tone}`}><Icon name={look.icon} /></span>
      <div>
        <strong className="foreign">{route.receiver ?? route.route}</strong> {look.word}
        {route.outcome === "told" && <> <Instant at={route.settled_at} /></>}
        {route.due_at !== null && <>, <Instant at={route.due_at} /> at the earliest</>}
        <p className="quiet">
          {route.reason !== null && <span className="foreign">{sentence(route.reason)} </span>}
          {route.receiver !== null && <>Route <span className="foreign">{route.route}</span>.</>}
        </p>
      </div>
    </li>
  );
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;
}
