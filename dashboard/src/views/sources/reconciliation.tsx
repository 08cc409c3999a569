/** Webhooks against polls: who told first, what webhooks missed, and how late each is. */
import type { ReactElement } from "react";
import type { Query } from "~/api/request";
import { useGet } from "~/api/use";
import { whole } from "~/lib/numbers";
import { providerName } from "~/lib/provider";
import { duration } from "~/lib/time";
import type { Frame } from "~/state/scope";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Menu } from "~/ui/menu";
import { Panel } from "~/ui/panel";
import { Answered, Blank } from "~/ui/states";
import { WAYS, reconciledOf, type Range, type Reconciled, type Way } from "./reconciled";
import type { Reconciliation } from "./types";

const WORDS: Readonly<Record<Way, string>> = { webhook: "webhook", poll: "poll", sweep: "sweep", backfill: "past" };

export function ReconciliationPanel({ where, frame }: { where: Query; frame: Frame }): ReactElement {
  const answer = useGet<Reconciliation>("/api/reconciliation", { ...where, since: frame.since, until: frame.until, limit: 200 });
  return (
    <Panel title="Who tells first" aside={`webhooks against polls, ${frame.words}`} actions={<About formula={answer.data?.formula ?? {}} />} isFlush>
      <Answered of={answer} rows={4}>{(found) => (found.instances.length === 0 ? <Blank icon="plug" title="No installation is watched" /> : <Table reconciled={reconciledOf(found)} />)}</Answered>
    </Panel>
  );
}

function About({ formula }: { formula: Readonly<Record<string, string>> }): ReactElement {
  return (
    <Menu label={<Icon name="info" />} words="About: who tells first" className="button plain square">
      <dl className="sources-about">{Object.entries(formula).map(([name, words]) => <div key={name}><dt>{name.replaceAll("_", " ")}</dt><dd className="quiet">{words}</dd></div>)}</dl>
    </Menu>
  );
}

function Table({ reconciled }: { reconciled: readonly Reconciled[] }): ReactElement {
  return (
    <div className="scrolls">
      <table className="data sources-told">
        <caption className="visually-hidden">Who told of changes first, by installation</caption>
        <thead><tr><th scope="col">Installation</th><th scope="col">Webhooks</th><th scope="col">Told first by</th><th scope="col" className="number">Missed</th><th scope="col" className="number">Webhook lag</th><th scope="col" className="number">Poll lag</th></tr></thead>
        <tbody>{reconciled.map((one) => <Row key={`${one.instance.provider} ${one.instance.instance}`} one={one} />)}</tbody>
      </table>
    </div>
  );
}

function Row({ one }: { one: Reconciled }): ReactElement {
  const { instance } = one;
  const name = providerName(instance.provider);
  return (
    <tr>
      <th scope="row">{name}{instance.instance !== instance.provider && <> <span className="quiet foreign">{instance.instance}</span></>}</th>
      <td data-word="Webhooks"><Webhooks one={one} /></td>
      <td><Told one={one} /></td>
      <td className="number" data-word="Missed">{one.missed === null ? <span className="quiet">–</span> : one.missed === 0 ? "none" : <span className="tag late"><Icon name="warning" /> {whole(one.missed)}</span>}</td>
      <td className="number" data-word="Webhook lag">{shown(one.lag.webhook)}</td>
      <td className="number" data-word="Poll lag">{shown(one.lag.poll)}</td>
    </tr>
  );
}

function Webhooks({ one: { instance } }: { one: Reconciled }): ReactElement {
  if (!instance.is_configured && instance.webhooks === 0) return <span className="quiet">not set up</span>;
  if (instance.webhooks === 0) return <span className="tag late"><Icon name="warning" /> set up, none came</span>;
  const rest = [[instance.repeated, "repeated"], [instance.late, "late"], [instance.parked, "parked"], [instance.waiting, "waiting"], [instance.ignored, "of no use"]] as const;
  return (
    <>
      {whole(instance.webhooks)}, last <Instant at={instance.last_webhook_at} />
      <small className="quiet sources-rest">{rest.filter(([number]) => number > 0).map(([number, word]) => `${whole(number)} ${word}`).join(", ")}</small>
    </>
  );
}

function Told({ one }: { one: Reconciled }): ReactElement {
  const sum = WAYS.reduce((total, way) => total + one.told[way], 0);
  if (sum === 0) return <span className="quiet">no change in the window</span>;
  return (
    <span className="sources-ways">
      <span className="sources-share" aria-hidden="true">{WAYS.map((way) => <i key={way} data-way={way} style={{ flexGrow: one.told[way] }} />)}</span>
      <small className="quiet">{WAYS.filter((way) => one.told[way] > 0).map((way) => `${WORDS[way]} ${whole(one.told[way])}`).join(" · ")}</small>
    </span>
  );
}

function shown(range: Range | null): string {
  if (range === null) return "–";
  const [least, most] = [duration(range.least), duration(range.most)];
  return least === most ? least : `${least} – ${most}`;
}
