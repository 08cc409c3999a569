/** The attempts of a build, side by side; which one the rest of the page shows, and how they differ. */
import type { ReactElement } from "react";
import type { Attempt, Job } from "~/api/types";
import { lookOf } from "~/lib/status";
import { duration } from "~/lib/time";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Panel } from "~/ui/panel";
import { StatusPill } from "~/ui/pill";
import { CANCELLED, changes, compared, type Compared } from "./attempts";

interface Props {
  attempts: readonly Attempt[];
  jobs: readonly Job[];
  shown: number;
  show: (attempt: number) => void;
  isComparing: boolean;
  compare: () => void;
}

export function AttemptsPanel({ attempts, jobs, shown, show, isComparing, compare }: Props): ReactElement {
  const actions = jobs.length > 0 && (
    <button type="button" className="button" aria-pressed={isComparing} onClick={compare}>
      <Icon name="columns" /> {isComparing ? "Hide the comparison" : "Compare"}
    </button>
  );
  return (
    <Panel title="Attempts" aside={attempts.length} actions={actions}>
      <div className="build-attempts" role="group" aria-label="Attempt to show">
        {attempts.map((one) => <AttemptCard key={one.number} attempt={one} isShown={one.number === shown} show={() => show(one.number)} />)}
      </div>
      {isComparing && <Comparison jobs={jobs} attempts={attempts} />}
    </Panel>
  );
}

function AttemptCard({ attempt, isShown, show }: { attempt: Attempt; isShown: boolean; show: () => void }): ReactElement {
  return (
    <button type="button" className="build-attempt" aria-pressed={isShown} onClick={show}>
      <span className="row"><b>Attempt {attempt.number}</b><span className="push"><StatusPill status={attempt.status} /></span></span>
      <span className="row quiet">
        <span>{duration(attempt.duration_seconds)}</span>
        {attempt.queued_seconds !== null && <span>waited {duration(attempt.queued_seconds)}</span>}
        <span className="push"><Instant at={attempt.started_at} none="not begun" /></span>
      </span>
      {attempt.status === "cancelled" && (
        <span className="quiet">{CANCELLED[attempt.cancel_reason ?? ""] ?? "The provider does not tell why."}</span>
      )}
    </button>
  );
}

function Comparison({ jobs, attempts }: { jobs: readonly Job[]; attempts: readonly Attempt[] }): ReactElement {
  const numbers = attempts.map((one) => one.number);
  return (
    <div className="scrolls build-comparison">
      <table className="data">
        <thead>
          <tr><th scope="col">Job</th>{numbers.map((number) => <th key={number} scope="col">Attempt {number}</th>)}</tr>
        </thead>
        <tbody>
          {compared(jobs, numbers).map((row) => <ComparedRow key={JSON.stringify([row.stage, row.name])} row={row} numbers={numbers} />)}
        </tbody>
      </table>
    </div>
  );
}

function ComparedRow({ row, numbers }: { row: Compared; numbers: readonly number[] }): ReactElement {
  const more = changes(row.jobs);
  return (
    <tr data-differs={row.differs || undefined}>
      <th scope="row" className="foreign">{row.name}{row.differs && <span className="tag"> came to something else</span>}</th>
      {row.jobs.map((job, place) => (
        <td key={numbers[place]}>
          {job === null ? <span className="quiet">not run again</span> : <ComparedJob job={job} change={more[place] ?? null} />}
        </td>
      ))}
    </tr>
  );
}

function ComparedJob({ job, change }: { job: Job; change: number | null }): ReactElement {
  const look = lookOf(job.status);
  return (
    <span className={`build-cell tone-${look.tone}`}>
      <Icon name={look.icon} /> {look.word}
      {job.started_at !== null && <span className="quiet">{job.finished_at === null ? "" : duration(job.duration_seconds)}</span>}
      {change !== null && Math.abs(change) >= 1 && <small className="quiet">{change > 0 ? "+" : "−"}{duration(Math.abs(change))}</small>}
    </span>
  );
}
