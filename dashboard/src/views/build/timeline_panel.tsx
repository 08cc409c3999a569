/** The jobs of an attempt on one axis of time, and which of them determined its end. */
import type { CSSProperties, ReactElement } from "react";
import type { Job } from "~/api/types";
import { count } from "~/lib/numbers";
import { lookOf } from "~/lib/status";
import { duration, exact } from "~/lib/time";
import { Icon } from "~/ui/icon";
import { Menu } from "~/ui/menu";
import { Outside } from "~/ui/outside";
import { Panel } from "~/ui/panel";
import { Blank } from "~/ui/states";
import { criticalPath, type Step } from "./critical_path";
import { axisOf, isTakenOver, stagesOf, ticksOf, type Bar, type Stage } from "./timeline";

interface Props {
  jobs: readonly Job[];
  isOpen: boolean;
  /** When the attempt did. */
  began: string | null;
  now: number;
  /** Whose log is shown. */
  read: number | null;
  /** Null where the provider has no log of a job. */
  toRead: ((job: number) => void) | null;
}

/** As in build.css, for the lines from bar to bar. */
const ROW_PX = 30;
const TICKS = 7;

export function TimelinePanel({ jobs, isOpen, began, now, read, toRead }: Props): ReactElement {
  if (jobs.length === 0) return <NoJobs isOpen={isOpen} />;
  const own = jobs.filter((job) => !isTakenOver(job, began));
  const axis = axisOf(own, isOpen, now);
  const stages = stagesOf(jobs, axis, now, began);
  const steps = criticalPath(own, now);
  const critical = new Set(steps.map((step) => step.job.id));
  const rows = rowsOf(stages);
  const aside = `${count(jobs.length, "job")} in ${duration((axis.to - axis.from) / 1000)}`;
  return (
    <Panel title="Jobs" aside={aside} actions={<Legend hasStages={stages.length > 1} />}>
      <div className="jobs" style={{ "--rows": rows.length } as CSSProperties}>
        <Ticks axis={axis} />
        <div className="jobs-rows">
          <Connectors rows={rows} steps={steps} />
          <ul>
            {rows.map((row) =>
              "bars" in row ? (
                <li key={`stage ${row.name}`} className="jobs-stage"><h3 className="clip foreign">{row.name ?? "No stage"}</h3></li>
              ) : (
                <JobRow key={row.job.id} bar={row} isCritical={critical.has(row.job.id)} isRead={row.job.id === read} toRead={toRead} />
              ),
            )}
          </ul>
        </div>
      </div>
      <PathInWords steps={steps} isOpen={isOpen} />
    </Panel>
  );
}

function NoJobs({ isOpen }: { isOpen: boolean }): ReactElement {
  return (
    <Panel title="Jobs">
      <Blank icon="list" title="No jobs are known">
        {isOpen ? "They appear here as the provider tells of them." : "The provider tells of none in this attempt."}
      </Blank>
    </Panel>
  );
}

/** A stage's heading, then its jobs; no heading where there is one stage only. */
function rowsOf(stages: readonly Stage[]): (Stage | Bar)[] {
  return stages.length === 1 ? (stages[0]?.bars ?? []) : stages.flatMap((stage) => [stage, ...stage.bars]);
}

function Ticks({ axis }: { axis: { from: number; to: number } }): ReactElement {
  return (
    <div className="jobs-axis" aria-hidden="true">
      {ticksOf(axis, TICKS).map(({ seconds, share }) => (
        <span key={seconds} style={{ insetInlineStart: `${share * 100}%` }}>{seconds === 0 ? "0" : spoken(seconds)}</span>
      ))}
    </div>
  );
}

function spoken(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${seconds / 60} m`.replace(/(\.\d)\d+/, "$1");
  return seconds < 172_800 ? `${seconds / 3600} h` : `${seconds / 86_400} d`;
}

interface JobRowProps extends Pick<Props, "toRead"> {
  bar: Bar;
  isCritical: boolean;
  isRead: boolean;
}

function JobRow({ bar, isCritical, isRead, toRead }: JobRowProps): ReactElement {
  const { job } = bar;
  const look = lookOf(job.status);
  const time = spent(bar, look.word);
  return (
    <li className={`jobs-row tone-${look.tone}`} data-critical={isCritical || undefined} data-read={isRead || undefined}>
      <span className="jobs-name">
        <Icon name={look.icon} words={look.word} spins={job.status === "running"} />
        {toRead === null || job.status === "skipped" ? <span className="clip foreign" title={job.name}>{job.name}</span> : (
          <button type="button" className="clip foreign" title={job.name} aria-current={isRead || undefined} onClick={() => toRead(job.id)}>
            {job.name}
          </button>
        )}
        {isCritical && <span className="visually-hidden">, on the critical path</span>}
      </span>
      <span className="jobs-track" aria-hidden={!bar.isTakenOver}>
        {bar.isTakenOver && <span className="jobs-over">ran before</span>}
        <Piece kind="due" from={bar.queued} to={bar.ready} />
        <Piece kind="wait" from={bar.ready} to={bar.started} />
        <Piece kind="run" from={bar.ended === null ? null : bar.started} to={bar.ended} />
      </span>
      <Menu
        className="jobs-time number"
        label={bar.runMs === null ? <span className="quiet">{time}</span> : time}
        words={`${time}: details of ${job.name}`}
      >
        <Details bar={bar} />
      </Menu>
    </li>
  );
}

function spent({ job, runMs, isTakenOver: isOld }: Bar, word: string): string {
  if (runMs !== null) return duration(runMs / 1000);
  return isOld ? duration(job.duration_seconds) : word.toLowerCase();
}

function Piece({ kind, from, to }: { kind: "due" | "wait" | "run"; from: number | null; to: number | null }): ReactElement | null {
  if (from === null || to === null || (to <= from && kind !== "run")) return null;
  return <span className={`jobs-${kind}`} style={{ insetInlineStart: `${from * 100}%`, inlineSize: `${(to - from) * 100}%` }} />;
}

function Details({ bar }: { bar: Bar }): ReactElement {
  const { job } = bar;
  return (
    <div className="jobs-details">
      <strong className="foreign">{job.name}</strong>
      <dl className="facts">
        <dt>Status</dt><dd>{lookOf(job.status).word} <span className="quiet foreign">({job.raw_status})</span></dd>
        {job.stage !== null && <><dt>Stage</dt><dd className="foreign">{job.stage}</dd></>}
        <When name="Created" at={job.queued_at} />
        <When name="Began" at={job.started_at} />
        <When name="Ended" at={job.finished_at} />
        {bar.waitMs !== null && <><dt>Waited</dt><dd>{duration(bar.waitMs / 1000)}</dd></>}
        {bar.runMs !== null && <><dt>Ran</dt><dd>{duration(bar.runMs / 1000)}</dd></>}
        {job.runner !== null && <><dt>Runner</dt><dd className="foreign">{job.runner}</dd></>}
      </dl>
      <Outside url={job.web_url} words="Open the job at its provider">Open at the provider</Outside>
    </div>
  );
}

function When({ name, at }: { name: string; at: string | null }): ReactElement | null {
  return at === null ? null : <><dt>{name}</dt><dd>{exact(at)}</dd></>;
}

/** From the end of each step of the path to the begin of the next. */
function Connectors({ rows, steps }: { rows: readonly (Stage | Bar)[]; steps: readonly Step[] }): ReactElement {
  const places = new Map(rows.flatMap((row, place) => ("bars" in row ? [] : [[row.job.id, { bar: row, y: (place + 0.5) * ROW_PX }] as const])));
  const lines = steps.slice(1).flatMap((step, place) => {
    const from = places.get(steps[place]?.job.id ?? -1);
    const to = places.get(step.job.id);
    if (from === undefined || to === undefined) return [];
    const [x, until] = [(from.bar.ended ?? 0) * 100, (to.bar.started ?? 0) * 100];
    return [`M${x} ${from.y}V${to.y}H${until}`];
  });
  return (
    <svg className="jobs-path" viewBox={`0 0 100 ${rows.length * ROW_PX}`} preserveAspectRatio="none" aria-hidden="true">
      {lines.map((line) => <path key={line} d={line} vectorEffect="non-scaling-stroke" />)}
    </svg>
  );
}

function sum(steps: readonly Step[], of: "runMs" | "waitMs"): string {
  return duration(steps.reduce((all, step) => all + step[of], 0) / 1000);
}

function PathInWords({ steps, isOpen }: { steps: readonly Step[]; isOpen: boolean }): ReactElement | null {
  if (steps.length === 0) return null;
  return (
    <div className="jobs-words">
      <span className="jobs-key critical" aria-hidden="true" />
      <strong>Critical path{isOpen && " so far"}:</strong>{" "}
      {steps.map((step, place) => (
        <span key={step.job.id}>
          {place > 0 && " → "}<span className="foreign">{step.job.name}</span> <span className="quiet">{duration(step.runMs / 1000)}</span>
        </span>
      ))}
      <span className="quiet">
        . {sum(steps, "runMs")} of running, {steps.some((step) => step.waitMs > 0) ? `${sum(steps, "waitMs")} of waiting` : "no waiting"}.{" "}
      </span>
      <Menu className="build-explain" label={<Icon name="info" />} words="How the critical path is found">
        <p className="build-explained">
          From the job that ended last, back to whatever ended last before that one began, and so on. Providers do not tell which job
          needs which, so this goes by instants alone. Make one of these shorter, and the build may end sooner; shortening any other
          changes nothing.
        </p>
      </Menu>
    </div>
  );
}

function Legend({ hasStages }: { hasStages: boolean }): ReactElement {
  return (
    <ul className="jobs-legend" aria-label="Legend">
      {hasStages && <li><span className="jobs-key due" />earlier stages</li>}
      <li><span className="jobs-key wait" />waits for a runner</li>
      <li><span className="jobs-key run" />runs</li>
      <li><span className="jobs-key critical" />critical path</li>
    </ul>
  );
}
