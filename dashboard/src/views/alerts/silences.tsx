/** What is held back, and until when. */
import type { ReactElement } from "react";
import { usePages } from "~/api/use_pages";
import { useParameters } from "~/state/url";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Panel } from "~/ui/panel";
import { Blank } from "~/ui/states";
import { Listed } from "./more";
import type { Silence, Silences } from "./types";
import { silenceLook, silenceWords } from "./words";

export function SilencesTab(): ReactElement {
  const { get, set } = useParameters();
  const isPast = get("state") === "over";
  const answer = usePages<Silences>("/api/silences", { state: isPast ? "over" : "active,pending", limit: 50 });
  return (
    <Panel
      title="Silences"
      aside="what they match is not told of"
      actions={
        <div className="segments" role="group" aria-label="Which silences">
          <button type="button" aria-pressed={!isPast} onClick={() => set({ state: null })}>In force</button>
          <button type="button" aria-pressed={isPast} onClick={() => set({ state: "over" })}>Over</button>
        </div>
      }
      isFlush
    >
      <Listed of={answer}>
        {(pages) => {
          const silences = pages.flatMap((page) => page.silences);
          if (silences.length > 0) return <Table silences={silences} />;
          return isPast ? <Blank icon="bell" title="There were none" /> : <Blank icon="bell" title="Nothing is silent">Everything that a route fits is told. Hold something back for a while with <code>observatory silence</code>.</Blank>;
        }}
      </Listed>
    </Panel>
  );
}

function Table({ silences }: { silences: readonly Silence[] }): ReactElement {
  return (
    <div className="scrolls">
      <table className="data alerts-table alerts-silences">
        <caption className="visually-hidden">Silences</caption>
        <thead><tr><th scope="col">State</th><th scope="col">Holds back</th><th scope="col">Why</th><th scope="col">By</th><th scope="col">From</th><th scope="col">Until</th></tr></thead>
        <tbody>{silences.map((silence) => <Row key={silence.id} silence={silence} />)}</tbody>
      </table>
    </div>
  );
}

function Row({ silence }: { silence: Silence }): ReactElement {
  const look = silenceLook(silence.state);
  return (
    <tr data-silence={silence.id}>
      <td className="alerts-state"><span className={`pill tone-${look.tone}`}><Icon name={look.icon} /> {look.word}</span></td>
      <th scope="row" className="foreign alerts-name">{silenceWords(silence)}</th>
      <td className="foreign">{silence.reason}</td>
      <td className="foreign">{silence.author}</td>
      <td className="alerts-when"><Instant at={silence.starts_at} /></td>
      <td className="alerts-when"><b><Instant at={silence.ends_at} /></b></td>
    </tr>
  );
}
