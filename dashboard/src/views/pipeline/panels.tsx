/** How long it takes, how far it can be trusted, and how to show it elsewhere. */
import { useState, type ReactElement } from "react";
import type { PipelineFigures } from "~/api/types";
import { count } from "~/lib/numbers";
import { duration } from "~/lib/time";
import { Copyable } from "~/ui/copy";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { Panel } from "~/ui/panel";
import { BuildsLink } from "~/builds/builds_link";
import { IncidentsLink } from "./incidents_link";
import { QUANTILES, statementsOf, type Statement } from "./statements";

export function Percentiles({ figures }: { figures: PipelineFigures }): ReactElement {
  const { duration_seconds: took, queued_seconds: waited, links, formula } = figures;
  const longest = Math.max(took.p99 ?? 0, waited.p99 ?? 0);
  const about = (
    <Menu label={<Icon name="info" />} words="About: how long it takes" className="button plain square">
      <div className="pipeline-about"><p>{formula.duration_seconds}</p><p>{formula.queued_seconds}</p></div>
    </Menu>
  );
  return (
    <Panel title="How long it takes" actions={about} className="pipeline-times">
      <table className="pipeline-quantiles">
        <caption className="visually-hidden">Percentiles of duration and of waiting for a runner</caption>
        <thead><tr><th scope="col">At most, for</th><th scope="col">Duration</th><th scope="col">Waiting</th></tr></thead>
        <tbody>
          {QUANTILES.map(({ key, words }) => (
            <tr key={key}>
              <th scope="row"><abbr title={words}>{key}</abbr> <span className="quiet">{words}</span></th>
              <td><Length seconds={took[key]} longest={longest} /></td>
              <td><Length seconds={waited[key]} longest={longest} /></td>
            </tr>
          ))}
          <tr>
            <th scope="row">Average</th>
            <td><Length seconds={took.average} longest={longest} /></td>
            <td><Length seconds={waited.average} longest={longest} /></td>
          </tr>
        </tbody>
      </table>
      <p className="pipeline-links quiet">
        <BuildsLink link={links.duration_seconds}>{count(took.builds, "build")} with a duration</BuildsLink>
        <BuildsLink link={links.queued_seconds}>{count(waited.builds, "build")} with a known wait</BuildsLink>
      </p>
    </Panel>
  );
}

function Length({ seconds, longest }: { seconds: number | null; longest: number }): ReactElement {
  const share = seconds === null || longest === 0 ? 0 : seconds / longest;
  return <span className="pipeline-length"><span className="number">{duration(seconds)}</span><i style={{ inlineSize: `${share * 100}%` }} /></span>;
}

export function Trust({ figures }: { figures: PipelineFigures }): ReactElement {
  return (
    <Panel title="How far to trust it" className="pipeline-trust" isFlush>
      <ul>{statementsOf(figures).map((statement) => <Said key={statement.key} statement={statement} />)}</ul>
    </Panel>
  );
}

function Said({ statement }: { statement: Statement }): ReactElement {
  const To = statement.key === "recovery" ? IncidentsLink : BuildsLink;
  return (
    <li className={`pipeline-said tone-${statement.tone}`} data-statement={statement.key}>
      <div className="row">
        <Icon name={statement.icon} />
        <h3>{statement.title}</h3>
        <Menu label={<Icon name="info" />} words={`About: ${statement.title}`} className="button plain square">
          <p className="pipeline-about">{statement.formula}</p>
        </Menu>
        <b className="push">{statement.value}</b>
      </div>
      <p className="foreign">{statement.words}</p>
      <p className="pipeline-links">
        {statement.links.map(({ words, link }) => <To key={words} link={link}>{words}</To>)}
      </p>
    </li>
  );
}

const BADGES = [["status", "Status"], ["success_rate", "Success rate"], ["duration", "Duration"]] as const;

/** A badge for README files, an address for tray clients. */
export function Elsewhere({ id, name }: { id: number; name: string }): ReactElement {
  const [kind, choose] = useState<(typeof BADGES)[number][0]>("status");
  const { origin } = window.location;
  const badge = `/badge/pipeline/${id}.svg${kind === "status" ? "" : `?kind=${kind}`}`;
  return (
    <Panel title="Elsewhere" className="pipeline-elsewhere">
      <div className="pipeline-badges">
        <div className="row wrap">
          <div className="segments" role="group" aria-label="What the badge tells">
            {BADGES.map(([key, word]) => (
              <button key={key} type="button" aria-pressed={key === kind} onClick={() => choose(key)}>{word}</button>
            ))}
          </div>
          <img src={badge} alt={`The badge of ${name}`} height="20" />
        </div>
        <Copyable label="Badge as Markdown" text={`[![${escaped(name)}](${origin}${badge})](${origin}/pipelines/${id})`} />
        <Copyable label="For tray clients (CCTray)" text={`${origin}/cc.xml?pipeline_id=${id}`} />
        <p className="quiet">Where reading needs a key, a tray client sends it as the password of HTTP Basic.</p>
      </div>
    </Panel>
  );
}

/** A name within Markdown's brackets. */
export function escaped(name: string): string {
  return name.replaceAll(/[\\[\]`*_<>]/g, (sign) => `\\${sign}`);
}
