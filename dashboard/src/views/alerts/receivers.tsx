/** Where messages go, and whether they arrive; one that does not work stands out. */
import type { ReactElement } from "react";
import { useGet } from "~/api/use";
import { count } from "~/lib/numbers";
import { duration } from "~/lib/time";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Panel } from "~/ui/panel";
import { Answered, Blank } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import type { Receiver, Receivers } from "./types";
import { clock, receiverLook } from "./words";

export function ReceiversTab(): ReactElement {
  const answer = useGet<Receivers>("/api/receivers");
  return (
    <Panel title="Receivers" aside={answer.data && count(answer.data.receivers.length, "receiver")} isFlush>
      <Answered of={answer} rows={4}>
        {({ receivers }) => receivers.length === 0 ? (
          <Blank icon="bell" title="Nobody is told yet">Add a chat, a mailbox or a webhook under <code>[[receivers]]</code> in the configuration.</Blank>
        ) : (
          <ul className="alerts-receivers">{[...receivers].sort(deadFirst).map((receiver) => <One key={receiver.name} receiver={receiver} />)}</ul>
        )}
      </Answered>
    </Panel>
  );
}

function deadFirst(one: Receiver, other: Receiver): number {
  return Number(receiverLook(one).problem === null) - Number(receiverLook(other).problem === null) || one.name.localeCompare(other.name);
}

function One({ receiver }: { receiver: Receiver }): ReactElement {
  const look = receiverLook(receiver);
  return (
    <li className={`alerts-receiver tone-${look.tone}`} data-receiver={receiver.name} data-dead={look.problem !== null || undefined}>
      <div className="row wrap">
        <h3 className="foreign">{receiver.name}</h3>
        <span className="tag foreign">{receiver.kind}</span>
        <span className={`pill tone-${look.tone} push`}><Icon name={look.icon} /> {look.word}</span>
      </div>
      {look.problem !== null && <p className="alerts-problem"><strong>Nothing arrives{receiver.off_since !== null && <>, since <Instant at={receiver.off_since} /></>}:</strong> <span className="foreign">{look.problem}</span></p>}
      <dl className="facts">
        <dt>Last message</dt>
        <dd><ViewLink to="/alerts" also={{ tab: "deliveries", receiver: receiver.name }}><Instant at={receiver.last_sent_at} none="none yet" /></ViewLink></dd>
        <dt>Groups</dt>
        <dd>waits {said(receiver.group_wait)} for more of the same storm; then at most one message in {said(receiver.group_interval)}</dd>
        <dt>Digest</dt>
        <dd>{receiver.digest === "never" ? "none" : <>{receiver.digest} at {clock(receiver.digest_at)} <span className="foreign">{receiver.timezone}</span></>}</dd>
        <dt>Operations</dt>
        <dd>{operationsWords(receiver.operations)}</dd>
        <dt>Made by</dt>
        <dd className="foreign">{receiver.origin === "file" ? "the configuration" : (receiver.author ?? "the API")}</dd>
      </dl>
    </li>
  );
}

function said(length: number | string): string {
  return typeof length === "number" ? duration(length) : length;
}

function operationsWords(operations: boolean | null): string {
  if (operations === null) return "hears what is wrong with the observatory, unless another one is named for that";
  return operations ? "hears what is wrong with the observatory" : "does not hear what is wrong with the observatory";
}
