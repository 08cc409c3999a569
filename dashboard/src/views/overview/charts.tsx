/** Outcomes and durations over the window; a click on a bucket narrows the table to its builds. */
import { useMemo, type ReactElement } from "react";
import type { Overview } from "~/api/types";
import { Lines } from "~/charts/lines";
import { StackedBars } from "~/charts/stacked_bars";
import { whole } from "~/lib/numbers";
import { lookOf } from "~/lib/status";
import { duration } from "~/lib/time";
import { Icon } from "~/ui/icon";
import { Panel } from "~/ui/panel";
import { BuildsLink, useGoToBuilds } from "~/builds/builds_link";
import { STACK, barsOf, labelOf, linkOf, pointsOf } from "./buckets";

export function Outcomes({ overview }: { overview: Overview }): ReactElement {
  const go = useGoToBuilds();
  const series = useMemo(() => overview.series ?? [], [overview.series]);
  const bars = useMemo(() => barsOf(series, labelOf), [series]);
  const pick = (place: number, status: string | null): void => {
    const bucket = series[place];
    if (bucket !== undefined) go(linkOf(bucket, status));
  };
  return (
    <Panel title="Outcomes" aside={`${whole(overview.builds)} builds by when they were queued`} className="overview-chart">
      <StackedBars label="Outcomes over time" bars={bars} onPick={pick} />
      <ul className="overview-legend" aria-label="Builds by status">
        {STACK.filter((status) => (overview.counts[status] ?? 0) > 0).map((status) => {
          const look = lookOf(status);
          return (
            <li key={status} className={`tone-${look.tone}`}>
              <BuildsLink link={overview.links[`counts.${status}`]}><i /><Icon name={look.icon} /> {look.word} <b>{whole(overview.counts[status] ?? 0)}</b></BuildsLink>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

export function Durations({ overview }: { overview: Overview }): ReactElement {
  const go = useGoToBuilds();
  const series = useMemo(() => overview.series ?? [], [overview.series]);
  const points = useMemo(() => pointsOf(series, labelOf), [series]);
  const { p50, p95, builds } = overview.duration_seconds;
  const pick = (place: number): void => {
    const bucket = series[place];
    if (bucket !== undefined) go(`${bucket.link}&status=failed,succeeded,timed_out&has_duration=true`);
  };
  return (
    <Panel title="Durations" aside={`of ${whole(builds)} builds with a verdict`} className="overview-chart">
      <Lines label="Durations over time" points={points} lowWord="p50" highWord="p95" shown={duration} onPick={pick} />
      <ul className="overview-legend">
        <li className="lines-key low"><span><i /> Half take at most <b>{duration(p50)}</b></span></li>
        <li className="lines-key high"><span><i /> 95 % take at most <b>{duration(p95)}</b></span></li>
      </ul>
    </Panel>
  );
}

export function ChartSkeleton({ title }: { title: string }): ReactElement {
  return <Panel title={title} className="overview-chart"><span className="skeleton overview-blank" role="status" aria-label={`Loading ${title.toLowerCase()}`} /></Panel>;
}
