/** One installation: its budget, and each source of it. */
import { useState, type ReactElement } from "react";
import type { Source } from "~/api/types";
import { count } from "~/lib/numbers";
import { providerName } from "~/lib/provider";
import { duration, exact } from "~/lib/time";
import { useNow } from "~/state/now";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Menu } from "~/ui/menu";
import { Panel } from "~/ui/panel";
import { budgetLook, notesOf, standingOf, type Installation } from "./standing";
import type { Budget } from "./types";
import type { Poll } from "./use_poll";

const STEP = 50;

export function InstallationPanel({ installation, poll }: { installation: Installation; poll: Poll }): ReactElement {
  const [most, setMost] = useState(STEP);
  const { provider, instance, sources } = installation;
  const name = providerName(provider);
  return (
    <Panel
      title={instance === provider ? name : <>{name} <span className="quiet foreign">{instance}</span></>}
      aside={count(sources.length, "source")}
      actions={
        <div className="sources-budgets">
          {installation.budgets.map((budget) => <BudgetGauge key={`${budget.request_limit} ${budget.reset_at}`} budget={budget} />)}
        </div>
      }
      isFlush
    >
      <div className="scrolls">
        <table className="data sources-table">
          <caption className="visually-hidden">Sources of {name} {instance}</caption>
          <thead>
            <tr>
              <th scope="col">State</th>
              <th scope="col">Source</th>
              <th scope="col">Last contact</th>
              <th scope="col">Next poll</th>
              <th scope="col" className="number">Interval</th>
              <th scope="col" className="number"><span className="row tight sources-end">Lag<AboutLag /></span><small className="sources-of">day’s median</small></th>
              <th scope="col"><span className="visually-hidden">Poll now</span></th>
            </tr>
          </thead>
          <tbody>{sources.slice(0, most).map((source) => <Row key={source.id} source={source} poll={poll} />)}</tbody>
        </table>
      </div>
      {sources.length > most && (
        <p className="sources-more">
          <button type="button" className="button" onClick={() => setMost(most + STEP)}>
            Show {Math.min(STEP, sources.length - most)} more of {sources.length}
          </button>
        </p>
      )}
    </Panel>
  );
}

function AboutLag(): ReactElement {
  return (
    <Menu label={<Icon name="info" />} words="About: lag" className="button plain square sources-info">
      <p className="sources-about">
        The median of the time from a build’s finish at its provider to our record of it, over the last day.
      </p>
    </Menu>
  );
}

function BudgetGauge({ budget }: { budget: Budget }): ReactElement {
  const now = useNow();
  const look = budgetLook(budget, now);
  const until = budget.blocked_until !== null && Date.parse(budget.blocked_until) > now ? budget.blocked_until : null;
  return (
    <span className={`sources-budget tone-${look.tone}`}>
      {look.share !== null && <Gauge share={look.share} />}
      <span>
        {look.tone !== "good" && look.tone !== "none" && <Icon name="warning" />} {look.words}
        {until !== null && <>, until <Instant at={until} /></>}
        {until === null && budget.reset_at !== null && Date.parse(budget.reset_at) > now && (
          <span className="quiet">, full again <Instant at={budget.reset_at} /></span>
        )}
      </span>
    </span>
  );
}

function Gauge({ share }: { share: number }): ReactElement {
  const percent = share * 100;
  return (
    <span
      className="sources-gauge"
      role="meter"
      aria-label="Requests left"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(percent)}
    >
      <i style={{ inlineSize: `${percent}%` }} />
    </span>
  );
}

function Row({ source, poll }: { source: Source; poll: Poll }): ReactElement {
  const standing = standingOf(source);
  const isPolled = source.is_active && source.archived_at === null;
  const notes = notesOf(source);
  return (
    <tr data-source={source.id} className={standing.rank === 5 ? "sources-off" : undefined}>
      <td className="sources-state">
        <span className={`pill tone-${standing.tone}`}><Icon name={standing.icon} spins={standing.icon === "ring"} /> {standing.word}</span>
      </td>
      <th scope="row" className="sources-name">
        <span className="foreign" title={source.scope}>{source.scope === "/" ? "everything" : source.scope}</span>
        {source.origin !== "config" && (
          <span className="tag" title={source.pattern === null ? undefined : `Found by ${source.pattern}`}>
            {source.pattern === null ? source.origin : "by pattern"}
          </span>
        )}
        {source.project !== "default" && <span className="tag foreign">{source.project}</span>}
        <small className="sources-brief quiet">
          heard <Instant at={source.last_contact_at} none="never" />
          {source.interval_seconds !== null && `, every ${duration(source.interval_seconds)}`}
          {source.lag_seconds !== null && `, lag ${duration(source.lag_seconds)} (day’s median)`}
        </small>
        {notes.length > 0 && (
          <ul className="sources-notes">
            {notes.map(({ key, tone, words, at }) => (
              <li key={key} className={`tone-${tone} foreign`}>{words}{at != null && <> (<Instant at={at} />)</>}</li>
            ))}
          </ul>
        )}
      </th>
      <td><Instant at={source.last_contact_at} none="never" /></td>
      <td><NextPoll source={source} isPolled={isPolled} /></td>
      <td className="number" title={source.interval_reason ?? undefined}>{source.interval_seconds === null ? "–" : duration(source.interval_seconds)}</td>
      <td className="number">{duration(source.lag_seconds)}</td>
      <td className="sources-poll">
        {isPolled && (
          <button
            type="button"
            className="button plain"
            disabled={poll.busy !== null}
            onClick={() => poll.ask(source.id)}
            aria-label={`Poll now: ${source.scope}`}
          >
            <Icon name="refresh" spins={poll.busy === source.id} /> Poll now
          </button>
        )}
      </td>
    </tr>
  );
}

function NextPoll({ source, isPolled }: { source: Source; isPolled: boolean }): ReactElement {
  const now = useNow();
  if (!isPolled) return <span className="quiet">–</span>;
  if (source.is_polling) return <span className="row tight sources-polling"><Icon name="ring" spins /> polling</span>;
  if (Date.parse(source.next_poll_at) <= now) return <span title={exact(source.next_poll_at)}>due now</span>;
  return <Instant at={source.next_poll_at} />;
}
