/** What was decided about an event: who is told, and why, or why not. */
import type { ReactElement } from "react";
import type { Decisions, RouteDecision } from "~/api/types";
import { outcomeLook } from "~/lib/decision";
import { count } from "~/lib/numbers";
import { sentence } from "~/lib/sentence";
import { Icon } from "./icon";
import { Instant } from "./instant";
import "./decided.css";

export function Decided({ decisions }: { decisions: Decisions }): ReactElement {
  if (!decisions.is_planned) return <p className="decided">This is being decided just now.</p>;
  const fitting = decisions.routes.filter((route) => route.outcome !== "unmatched");
  const other = decisions.routes.filter((route) => route.outcome === "unmatched");
  return (
    <div className="decided">
      <p className="foreign">{decisions.decision_reason}</p>
      {fitting.length > 0 ? <Routes routes={fitting} /> : <p className="quiet">Nobody was told.</p>}
      {other.length > 0 && (
        <details>
          <summary>{count(other.length, fitting.length === 0 ? "route" : "other route")} not concerned</summary>
          <Routes routes={other} />
        </details>
      )}
    </div>
  );
}

function Routes({ routes }: { routes: readonly RouteDecision[] }): ReactElement {
  return <ul className="told">{routes.map((route) => <Route key={`${route.route} ${route.receiver}`} route={route} />)}</ul>;
}

function Route({ route }: { route: RouteDecision }): ReactElement {
  const look = outcomeLook(route.outcome);
  return (
    <li>
      <span className={`told-mark tone-${look.tone}`}><Icon name={look.icon} /></span>
      <div>
        <strong className="foreign">{route.receiver ?? route.route}</strong> {look.word}
        {route.outcome === "told" && route.settled_at !== null && <> <Instant at={route.settled_at} /></>}
        {route.due_at !== null && <>, <Instant at={route.due_at} /> at the earliest</>}
        <p className="quiet">
          {route.reason !== null && <span className="foreign">{sentence(route.reason)} </span>}
          {route.receiver !== null && <>Route <span className="foreign">{route.route}</span>.</>}
        </p>
      </div>
    </li>
  );
}
