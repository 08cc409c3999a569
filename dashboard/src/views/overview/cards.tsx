/** The figures one looks at first; each explains itself and opens to its builds. */
import type { ReactElement, ReactNode } from "react";
import type { Overview } from "~/api/types";
import { Sparkline } from "~/charts/sparkline";
import { whole } from "~/lib/numbers";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Menu } from "~/ui/menu";
import { StatusPill } from "~/ui/pill";
import { ViewLink } from "~/ui/view_link";
import { BuildsLink } from "~/builds/builds_link";
import { figuresOf, type Figure, type Turn } from "./figures";

export function Cards({ overview }: { overview: Overview }): ReactElement {
  return (
    <ul className="overview-cards" aria-label="Figures">
      {figuresOf(overview).map((figure) => <FigureCard key={figure.key} figure={figure} />)}
      <LastBuild overview={overview} />
    </ul>
  );
}

export function CardSkeletons(): ReactElement {
  return (
    <ul className="overview-cards" aria-label="Figures" aria-busy="true">
      {Array.from({ length: 6 }, (_, place) => (
        <li key={place} className="panel overview-card"><span className="skeleton" /><span className="skeleton overview-value" /><span className="skeleton" /></li>
      ))}
    </ul>
  );
}

function FigureCard({ figure }: { figure: Figure }): ReactElement {
  return (
    <li className="panel overview-card" data-figure={figure.key}>
      <div className="overview-label">
        <h2>{figure.label}</h2>
        <Menu label={<Icon name="info" />} words={`About: ${figure.label}`} className="button plain square"><About figure={figure} /></Menu>
      </div>
      <BuildsLink link={figure.link} className="overview-value">{figure.value}</BuildsLink>
      <p className="overview-under">{figure.turn === null ? <span className="quiet">{figure.run === null ? "now" : "no period before"}</span> : <TurnMark turn={figure.turn} />}</p>
      {figure.run === null ? <p className="overview-rest quiet">{figure.counted}</p> : (
        <>
          <p className="overview-under quiet clip" title={figure.counted}>{figure.counted}</p>
          <Sparkline values={figure.run.values} words={`${figure.label} over the window. ${figure.run.words}`} />
        </>
      )}
    </li>
  );
}

function TurnMark({ turn }: { turn: Turn }): ReactElement {
  return (
    <span className={`overview-turn tone-${turn.tone}`}>
      {turn.direction !== null && <Icon name={turn.direction} />}
      {turn.word}
    </span>
  );
}

/** How a figure comes about, what it counts, what it leaves out and what it was before. */
function About({ figure }: { figure: Figure }): ReactElement {
  return (
    <div className="overview-about">
      <strong>{figure.label}: {figure.value}</strong>
      <p><code>{figure.formula}</code></p>
      <dl className="facts">
        <dt>Counted</dt>
        <dd><BuildsLink link={figure.link}>{figure.counted}</BuildsLink></dd>
        <dt>Left out</dt>
        <dd>{figure.leftOut.length === 0 ? "nothing" : <ul>{figure.leftOut.map((one) => <li key={one.words}><BuildsLink link={one.link}><b>{whole(one.builds)}</b> {one.words}</BuildsLink></li>)}</ul>}</dd>
        {figure.before !== null && <><dt>Before</dt><dd><BuildsLink link={figure.before.link}>{figure.before.value}</BuildsLink> in the period before, which was as long</dd></>}
        {figure.run !== null && <><dt>Over time</dt><dd>{figure.run.words}</dd></>}
      </dl>
    </div>
  );
}

function LastBuild({ overview }: { overview: Overview }): ReactElement {
  const build = overview.last_build;
  const message = build?.commit_message?.split("\n", 1)[0];
  return (
    <li className="panel overview-card" data-figure="last">
      <div className="overview-label">
        <h2>Last build</h2>
        <Menu label={<Icon name="info" />} words="About: Last build" className="button plain square">
          <div className="overview-about">
            <strong>Last build</strong>
            <p><code>{overview.formula.last_build}</code></p>
            <dl className="facts">
              <dt>In all</dt>
              <dd><BuildsLink link={overview.links.builds}>{whole(overview.builds)} builds</BuildsLink> in the window</dd>
            </dl>
          </div>
        </Menu>
      </div>
      {build === null ? <span className="overview-value quiet">none yet</span> : <ViewLink to={`/builds/${build.id}`} className="overview-value"><Instant at={build.queued_at} /></ViewLink>}
      <p className="overview-under">{build !== null && <Which status={build.status}>{build.pipeline_name}</Which>}</p>
      <p className="overview-under quiet clip">{build?.branch ?? build?.repository ?? ""}</p>
      {message !== undefined && <p className="overview-message quiet foreign" title={message}>{message}</p>}
    </li>
  );
}

function Which({ status, children }: { status: string | null; children: ReactNode }): ReactElement {
  return <span className="row tight"><StatusPill status={status} isBare /><span className="quiet clip foreign" title={String(children)}>{children}</span></span>;
}
