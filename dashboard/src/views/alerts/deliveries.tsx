/** What was sent to whom, what was not, and what the receiver said. */
import type { ReactElement } from "react";
import { usePages } from "~/api/use_pages";
import { useGet } from "~/api/use";
import { count } from "~/lib/numbers";
import { useParameters } from "~/state/url";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Panel } from "~/ui/panel";
import { Blank } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { Listed } from "./more";
import type { Deliveries, Delivery, Receivers } from "./types";
import { DELIVERY_STATES, deliveryLook, kindWords } from "./words";

/** Deliveries are no events of the stream. */
const REFRESH_MS = 10_000;

export function DeliveriesTab(): ReactElement {
  const { get, set } = useParameters();
  const [receiver, state] = [get("receiver"), get("state")];
  const receivers = useGet<Receivers>("/api/receivers");
  const answer = usePages<Deliveries>("/api/deliveries", { receiver, state, limit: 50 }, { refetchInterval: REFRESH_MS });
  const names = [...new Set([...(receivers.data?.receivers.map((one) => one.name) ?? []), ...(receiver === null ? [] : [receiver])])];
  return (
    <Panel
      title="Deliveries"
      aside="the latest first"
      actions={
        <>
          <Choice label="Receiver" all="All receivers" value={receiver} options={names.map((name) => [name, name])} change={(next) => set({ receiver: next })} />
          <Choice label="Outcome" all="Every outcome" value={state} options={DELIVERY_STATES.map((one) => [one, deliveryLook(one).word])} change={(next) => set({ state: next })} />
        </>
      }
      isFlush
    >
      <Listed of={answer}>
        {(pages) => {
          const deliveries = pages.flatMap((page) => page.deliveries);
          return deliveries.length === 0 ? <Blank icon="bell" title={receiver === null && state === null ? "Nothing was sent yet" : "Nothing like that was sent"} /> : <Table deliveries={deliveries} />;
        }}
      </Listed>
    </Panel>
  );
}

interface ChoiceProps {
  label: string;
  all: string;
  value: string | null;
  options: readonly (readonly [value: string, word: string])[];
  change: (value: string | null) => void;
}

function Choice({ label, all, value, options, change }: ChoiceProps): ReactElement {
  return (
    <label>
      <span className="visually-hidden">{label}</span>
      <select className="input alerts-choice" value={value ?? ""} onChange={(event) => change(event.target.value || null)}>
        <option value="">{all}</option>
        {options.map(([option, word]) => <option key={option} value={option}>{word}</option>)}
      </select>
    </label>
  );
}

function Table({ deliveries }: { deliveries: readonly Delivery[] }): ReactElement {
  return (
    <div className="scrolls">
      <table className="data alerts-table alerts-deliveries">
        <caption className="visually-hidden">Deliveries</caption>
        <thead><tr><th scope="col">Outcome</th><th scope="col">Message</th><th scope="col">To</th><th scope="col">Kind</th><th scope="col" className="number">Tries</th><th scope="col">Planned</th><th scope="col">Settled</th></tr></thead>
        <tbody>{deliveries.map((delivery) => <Row key={delivery.id} delivery={delivery} />)}</tbody>
      </table>
    </div>
  );
}

function Row({ delivery }: { delivery: Delivery }): ReactElement {
  const look = deliveryLook(delivery.state);
  return (
    <tr data-delivery={delivery.id}>
      <td className="alerts-state"><span className={`pill tone-${look.tone}`}><Icon name={look.icon} spins={delivery.state === "sending"} /> {look.word}</span></td>
      <th scope="row" className="alerts-name">
        <span className="foreign">{delivery.build_id === null ? (delivery.title ?? "without a title") : <ViewLink to={`/builds/${delivery.build_id}`}>{delivery.title ?? `build ${delivery.build_id}`}</ViewLink>}</span>
        {delivery.incidents > 1 && <small className="quiet">{count(delivery.incidents, "incident")}</small>}
        {delivery.is_possible_repeat && <small className="quiet">may have arrived twice</small>}
        {delivery.last_error !== null && <small className={`foreign alerts-error tone-${delivery.state === "sent" ? "none" : look.tone === "none" ? "late" : look.tone}`}>{delivery.last_error}</small>}
      </th>
      <td><ViewLink to="/alerts" also={{ tab: "deliveries", receiver: delivery.receiver }} className="foreign">{delivery.receiver}</ViewLink></td>
      <td className="quiet">{kindWords(delivery.kind)}</td>
      <td className="number">{delivery.tries}</td>
      <td className="alerts-when"><Instant at={delivery.created_at} /></td>
      <td className="alerts-when">{delivery.next_try_at === null ? <Instant at={delivery.settled_at} /> : <>tried again <Instant at={delivery.next_try_at} /></>}</td>
    </tr>
  );
}
