/** Outcomes and durations over the window: the overview's charts, as small as they can be read. */
import type { ReactElement } from "react";
import type { Overview } from "~/api/types";
import { duration } from "~/lib/time";
import { DurationLines, OutcomeBars, OutcomeLegend } from "../overview/charts";
import { AwaitedCharts } from "./awaited";
import "../overview/overview.css";

interface Props {
  /** Undefined: it is awaited. */
  overview: Overview | undefined;
  /** Which window. */
  words: string;
}

export function Charts({ overview, words }: Props): ReactElement {
  if (overview === undefined) return <AwaitedCharts />;
  if (overview.builds === 0) return <p className="quiet">No build was queued in the {words}.</p>;
  const { p50, p95 } = overview.duration_seconds;
  return (
    <>
      <figure aria-label="Outcomes">
        <figcaption><h2>Outcomes</h2><OutcomeLegend overview={overview} /></figcaption>
        <OutcomeBars overview={overview} />
      </figure>
      <figure aria-label="Durations">
        <figcaption>
          <h2>Durations</h2>
          <ul className="overview-legend">
            <li className="lines-key low"><span><i /> p50 <b>{duration(p50)}</b></span></li>
            <li className="lines-key high"><span><i /> p95 <b>{duration(p95)}</b></span></li>
          </ul>
        </figcaption>
        <DurationLines overview={overview} />
      </figure>
    </>
  );
}
