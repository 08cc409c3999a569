/** Outcomes and durations over the window; a click on a bucket narrows the table to its builds. */
import { useMemo, type ReactElement } from "react";
import type { Bucket, Overview } from "~/api/types";
import { Lines } from "~/charts/lines";
import { StackedBars } from "~/charts/stacked_bars";
import { whole } from "~/lib/numbers";
import { lookOf } from "~/lib/status";
import { duration } from "~/lib/time";
import { Icon } from "~/ui/icon";
import { Panel } from "~/ui/panel";
import { BuildsLink, useGoToBuilds } from "~/builds/builds_link";
import { STACK, barsOf, labelOf, linkOf, pointsOf } from "./buckets";

interface Props {
  overview: Overview;
}

export function Outcomes({ overview }: Props): ReactElement {
  return (
    <Panel title="Outcomes" aside={`${whole(overview.builds)} builds by when they were queued`} className="overview-chart">
      <OutcomeBars overview={overview} />
      <OutcomeLegend overview={overview} />
    </Panel>
  );
}

export function Durations({ overview }: Props): ReactElement {
  const { p50, p95, builds } = overview.duration_seconds;
  return (
    <Panel title="Durations" aside={`of ${whole(builds)} builds with a verdict and a known duration`} className="overview-chart">
      <DurationLines overview={overview} />
      <ul className="overview-legend">
        <li className="lines-key low"><span><i /> Half take at most <b>{duration(p50)}</b></span></li>
        <li className="lines-key high"><span><i /> 95 % take at most <b>{duration(p95)}</b></span></li>
      </ul>
    </Panel>
  );
}

export function OutcomeBars({ overview }: Props): ReactElement {
  const go = useGoToBuilds();
  const series = overview.series ?? NONE;
  const bars = useMemo(() => barsOf(series, labelOf), [series]);
  const pick = (place: number, status: string | null): void => {
    const bucket = series[place];
    if (bucket !== undefined) go(linkOf(bucket, status));
  };
  return <StackedBars label="Outcomes over time" bars={bars} onPick={pick} />;
}

/** Each status that there is, with its builds. */
export function OutcomeLegend({ overview }: Props): ReactElement {
  return (
    <ul className="overview-legend" aria-label="Builds by status">
      {STACK.filter((status) => (overview.counts[status] ?? 0) > 0).map((status) => {
        const look = lookOf(status);
        return (
          <li key={status} className={`tone-${look.tone}`} title={look.word}>
            <BuildsLink link={overview.links[`counts.${status}`]}><i /><Icon name={look.icon} /> <span>{look.word}</span> <b>{whole(overview.counts[status] ?? 0)}</b></BuildsLink>
          </li>
        );
      })}
    </ul>
  );
}

export function DurationLines({ overview }: Props): ReactElement {
  const go = useGoToBuilds();
  const series = overview.series ?? NONE;
  const points = useMemo(() => pointsOf(series, labelOf), [series]);
  const pick = (place: number): void => {
    const bucket = series[place];
    if (bucket !== undefined) go(`${bucket.link}&status=failed,succeeded,timed_out&has_duration=true`);
  };
  return <Lines label="Durations over time" points={points} lowWord="p50" highWord="p95" shown={duration} onPick={pick} />;
}

const NONE: readonly Bucket[] = [];

export function ChartSkeleton({ title }: { title: string }): ReactElement {
  return <Panel title={title} className="overview-chart"><span className="skeleton overview-blank" role="status" aria-label={`Loading ${title.toLowerCase()}`} /></Panel>;
}
