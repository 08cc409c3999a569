/** Who is told of what: incidents, routes, receivers, silences and what was sent, as they stand. */
import type { ReactElement } from "react";
import { useLocation } from "wouter";
import { useGet } from "~/api/use";
import { useShortcuts } from "~/state/keys";
import { keeping, useParameters, type Changes } from "~/state/url";
import { Icon } from "~/ui/icon";
import { ViewLink } from "~/ui/view_link";
import { DeliveriesTab } from "./deliveries";
import { IncidentsTab } from "./incidents";
import { ReceiversTab } from "./receivers";
import { RoutesTab } from "./routes";
import { SilencesTab } from "./silences";
import type { Receivers } from "./types";
import { receiverLook } from "./words";
import "./alerts.css";

const TABS = [
  { key: "incidents", word: "Incidents", component: IncidentsTab },
  { key: "routes", word: "Routes", component: RoutesTab },
  { key: "receivers", word: "Receivers", component: ReceiversTab },
  { key: "silences", word: "Silences", component: SilencesTab },
  { key: "deliveries", word: "Deliveries", component: DeliveriesTab },
] as const;

export default function View(): ReactElement {
  const { get, search } = useParameters();
  const [, navigate] = useLocation();
  const receivers = useGet<Receivers>("/api/receivers");
  const tab = TABS.find(({ key }) => key === get("tab")) ?? TABS[0];
  const dead = receivers.data?.receivers.filter((receiver) => receiverLook(receiver).problem !== null) ?? [];
  const Tab = tab.component;
  useShortcuts(TABS.map(({ key, word }, place) => ({ keys: [String(place + 1)], words: word, group: "Alerts", run: () => navigate(keeping("/alerts", search, tabChanges(key))) })));
  return (
    <div className="alerts">
      <header className="alerts-head">
        <h1>Alerts</h1>
        <nav className="segments" aria-label="Alerts">
          {TABS.map(({ key, word }) => (
            <ViewLink key={key} to="/alerts" also={tabChanges(key)} aria-current={key === tab.key ? "page" : undefined} className="alerts-tab">
              {word}
              {key === "receivers" && dead.length > 0 && <span className="alerts-dead"><Icon name="warning" words="one of them is dead" /></span>}
            </ViewLink>
          ))}
        </nav>
      </header>
      {tab.key !== "receivers" && dead.map((receiver) => (
        <p key={receiver.name} className="notice tone-bad" role="alert">
          <Icon name="alert" />
          <span><strong className="foreign">{receiver.name}</strong> gets no messages: <span className="foreign">{receiverLook(receiver).problem}</span> <ViewLink to="/alerts" also={{ tab: "receivers" }}>See the receivers</ViewLink></span>
        </p>
      ))}
      <Tab />
    </div>
  );
}

/** The first tab needs no word in the address. */
function tabChanges(key: string): Changes {
  return key === TABS[0].key ? {} : { tab: key };
}
