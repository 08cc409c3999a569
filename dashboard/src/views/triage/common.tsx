/** What failures have in common: pipelines, branches, runners, hours that fail more than everything together. */
import { useState, type ReactElement } from "react";
import { address, type Query } from "~/api/request";
import type { GridRow, Triage } from "~/api/types";
import { BuildsLink } from "~/builds/builds_link";
import { count, percent, whole } from "~/lib/numbers";
import type { Reasons } from "~/shell/stale";
import { STALE_ROW, StaleMark } from "~/shell/stale_mark";
import { useStale } from "~/shell/use_stale";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { Panel } from "~/ui/panel";
import { Blank } from "~/ui/states";
import { NOTABLE, SIDES, nameOf, nounOf, rateOf, spanOfHour, standouts, surprise, times, told, usualRate, type Side, type Standout } from "./grid";

const MOST_SAID = 6;
const FEW = 10;

export function Common({ triage, query }: { triage: Triage; query: Query }): ReactElement {
  const said = standouts(triage.grid).slice(0, MOST_SAID);
  const stale = useStale();
  return (
    <>
      <Panel title="What stands out" aside="more than chance makes likely">
        {said.length === 0
          ? <p className="quiet triage-calm">Nothing does: no pipeline, branch, runner or hour fails much more than the rest.</p>
          : <ul className="triage-said">{said.map((one) => <Said key={`${one.side} ${one.row.pipeline_id} ${one.row.value}`} one={one} triage={triage} query={query} />)}</ul>}
      </Panel>
      <div className="triage-grid">
        {SIDES.map((side) => <SideTable key={side} side={side} triage={triage} query={query} stale={stale} />)}
      </div>
    </>
  );
}

export function Said({ one, triage, query }: { one: Standout; triage: Triage; query: Query }): ReactElement {
  const name = <span className="foreign">{nameOf(one.side, one.row)}</span>;
  const link = linkOf(one.side, one.row, triage, query);
  return (
    <li>
      <span className="triage-lift">{times(one.row.lift)}</span>
      <span>{nounOf(one.side)} {link === null ? <strong>{name}</strong> : <BuildsLink link={link}>{name}</BuildsLink>} {told(one, triage).replaceAll(" %", "\u00a0%")}.</span>
    </li>
  );
}

const TITLES: Readonly<Record<Side, string>> = { pipeline: "Pipelines", branch: "Branches", runner: "Runners", hour: "Hours of the day" };

function SideTable({ side, triage, query, stale }: { side: Side; triage: Triage; query: Query; stale: Reasons }): ReactElement {
  const rows = triage.grid[side];
  const [isOpen, setOpen] = useState(false);
  const shown = isOpen || side === "hour" ? rows : rows.slice(0, FEW);
  const usual = usualRate(rows);
  const unit = side === "runner" ? "jobs" : "builds";
  return (
    <Panel title={TITLES[side]} aside={usual === null ? undefined : `${percent(usual)} of all ${unit} failed`} actions={<About side={side} triage={triage} usual={usual} />} isFlush className="triage-side">
      {rows.length === 0 ? <Blank title="Nothing was decided in this window" /> : (
        <table className="triage-table">
          <thead><tr><th scope="col">{side === "hour" ? "From" : nounOf(side)}</th><th scope="col">Share that failed</th><th scope="col" className="number">Failed</th><th scope="col" className="number">Lift</th></tr></thead>
          <tbody>{shown.map((row) => <Row key={`${row.pipeline_id} ${row.value}`} side={side} row={row} usual={usual} link={linkOf(side, row, triage, query)} stale={row.pipeline_id === null ? undefined : stale.get(row.pipeline_id)} />)}</tbody>
        </table>
      )}
      {(isOpen || shown.length < rows.length) && <button type="button" className="button plain triage-more-rows" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>{isOpen ? "Only the first" : `${rows.length - shown.length} more`} <Icon name={isOpen ? "up" : "down"} /></button>}
    </Panel>
  );
}

interface RowProps {
  side: Side;
  row: GridRow;
  usual: number | null;
  link: string | null;
  /** Of a pipeline: why its builds may be older than they look. */
  stale: string | undefined;
}

function Row({ side, row, usual, link, stale }: RowProps): ReactElement {
  const name = nameOf(side, row);
  const isMore = usual !== null && surprise(row, usual) >= NOTABLE;
  const figure = `${whole(row.failures)} of ${whole(row.verdicts)}`;
  return (
    <tr className={stale === undefined ? undefined : STALE_ROW}>
      <th scope="row">
        {stale !== undefined && <><StaleMark reason={stale} /> </>}
        <span className={row.value === null ? "quiet" : "foreign"} title={row.repository === null ? name : `${name} in ${row.repository}`}>{name}</span>
        {row.repository !== null && row.repository !== name && <small className="quiet foreign"> {row.repository}</small>}
      </th>
      <td><Rate rate={rateOf(row)} usual={usual} isMore={isMore} /></td>
      <td className="number">{link === null ? figure : <BuildsLink link={link}>{figure}</BuildsLink>}</td>
      <td className={isMore ? "number triage-more" : "number quiet"}>{times(row.lift)}</td>
    </tr>
  );
}

/** A bar, with a line across it where the rate of all is. */
function Rate({ rate, usual, isMore }: { rate: number; usual: number | null; isMore: boolean }): ReactElement {
  return (
    <span className="triage-rate">
      <span className="triage-rail" aria-hidden="true" data-more={isMore || undefined}>
        <span style={{ inlineSize: `${rate * 100}%` }} />
        {usual !== null && <i style={{ insetInlineStart: `${usual * 100}%` }} />}
      </span>
      <span className="number">{percent(rate)}</span>
    </span>
  );
}

function About({ side, triage, usual }: { side: Side; triage: Triage; usual: number | null }): ReactElement {
  const every = triage.runner_sample.every;
  return (
    <Menu label={<Icon name="info" />} words={`About: ${TITLES[side]}`} className="button plain square">
      <div className="triage-about">
        <strong>{TITLES[side]}</strong>
        <p><code>lift = (its failures ÷ all failures) ÷ (its {side === "runner" ? "jobs" : "builds"} ÷ all {side === "runner" ? "jobs" : "builds"})</code></p>
        <p>1 × is as everywhere{usual !== null && <>, {percent(usual)}: the line across each bar</>}. First comes what has most failures above that; 20 rows at most. In colour is what chance alone would hardly make.</p>
        {side === "runner" && <p>Counted are the jobs of {every === 1 ? "all" : "an even sample of"} {count(triage.runner_sample.builds, "build")}{every > 1 && `, one in ${every}`}. The list of builds cannot be narrowed to a runner.</p>}
        {side === "hour" && <p>By the clock of {triage.timezone}. In a window of days, an hour is that hour of each day.</p>}
        {side !== "runner" && <p>Counted are builds that succeeded, failed or timed out; cancelled and skipped ones say nothing.</p>}
      </div>
    </Menu>
  );
}

/** The failures of a row; null where no list of builds can be narrowed to it. */
function linkOf(side: Side, row: GridRow, triage: Triage, query: Query): string | null {
  const asked = { ...query, status: "failed,timed_out", since: triage.window.since, until: triage.window.until };
  if (side === "pipeline") return address("/api/builds", { ...asked, pipeline_id: row.pipeline_id });
  if (row.value === null || side === "runner") return null;
  if (side === "branch") return address("/api/builds", { ...asked, branch: [row.value] });
  const span = spanOfHour(triage.window.since, triage.window.until ?? triage.as_of, row.value);
  return span === null ? null : address("/api/builds", { ...asked, ...span });
}
