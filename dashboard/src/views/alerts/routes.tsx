/** Each route in words: what it tells whom, and when not. */
import type { ReactElement } from "react";
import { useGet } from "~/api/use";
import { count } from "~/lib/numbers";
import { duration } from "~/lib/time";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Panel } from "~/ui/panel";
import { Answered } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import type { Route, Routes } from "./types";
import { holdWords, whatWords, whereWords } from "./words";

export function RoutesTab(): ReactElement {
  const answer = useGet<Routes>("/api/routes");
  return (
    <Panel title="Routes" aside={answer.data && `${count(answer.data.routes.length, "route")}; every one that fits tells`} isFlush>
      <Answered of={answer} rows={4}>{({ routes }) => <ul>{routes.map((route) => <One key={route.name} route={route} />)}</ul>}</Answered>
    </Panel>
  );
}

function One({ route }: { route: Route }): ReactElement {
  const where = whereWords({ ...route });
  const holds = holdWords(route, duration);
  return (
    <li className="alerts-route" data-route={route.name}>
      <div className="row wrap">
        <h3 className="foreign">{route.name}</h3>
        <Origin route={route} />
      </div>
      <p>
        Tells {route.receivers.map((receiver, place) => <span key={receiver}>{place > 0 && " and "}<ViewLink to="/alerts" also={{ tab: "receivers" }} className="foreign">{receiver}</ViewLink></span>)} {whatWords(route)}.
      </p>
      <dl className="facts">
        <dt>Where</dt>
        <dd>{where.length === 0 ? "everywhere" : where.map((words) => <span key={words} className="alerts-words foreign">{words}</span>)}</dd>
        <dt>When not</dt>
        <dd>{holds.length === 0 ? <span className="quiet">only silences hold it back</span> : holds.map((words) => <span key={words} className="alerts-words">{words}</span>)}</dd>
      </dl>
    </li>
  );
}

function Origin({ route }: { route: Route }): ReactElement {
  if (route.origin === "default") return <span className="tag"><Icon name="info" /> stands in, since none is configured</span>;
  if (route.origin === "file") return <span className="tag">from the configuration</span>;
  return <span className="tag foreign">by {route.author ?? "the API"}{route.changed_at !== null && <>, <Instant at={route.changed_at} /></>}</span>;
}
