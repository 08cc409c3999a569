/** Two lines over time with the band between them: what is usual, and what the slow ones take. */
import type { ReactElement } from "react";
import { area as areaOf, curveMonotoneX, line as lineOf } from "d3-shape";
import { Later } from "~/ui/later";
import { Plot, type Area } from "./plot";
import { durationTicks, runs } from "./scale";

export interface Point {
  start: Date;
  label: string;
  low: number | null;
  high: number | null;
  /** How many builds it is of. */
  builds: number;
}

interface Props {
  label: string;
  points: readonly Point[];
  lowWord: string;
  highWord: string;
  shown: (value: number | null) => string;
  onPick?: (place: number) => void;
}

export function Lines({ label, points, lowWord, highWord, shown, onPick }: Props): ReactElement {
  const { top, ticks } = durationTicks(Math.max(...points.map((point) => point.high ?? point.low ?? 0), 0.1));
  const said = (place: number): string => {
    const point = points[place];
    if (point === undefined) return "";
    return point.low === null ? `${point.label}: no builds with a duration` : `${point.label}: ${lowWord} ${shown(point.low)}, ${highWord} ${shown(point.high)}, of ${point.builds} builds`;
  };
  return (
    <>
      <Plot
        label={label}
        starts={points.map((point) => point.start)}
        top={top}
        ticks={ticks}
        named={(value) => (value === 0 ? "0" : shown(value).replace(" 00 s", "").replace(" 00 m", ""))}
        said={said}
        renderReadout={(place) => <Values point={points[place]} lowWord={lowWord} highWord={highWord} shown={shown} />}
        {...(onPick ? { onPick: (place: number) => onPick(place) } : {})}
        renderMarks={(area, active) => <Curves points={points} area={area} active={active} />}
      />
      <Later><Table {...{ label, points, lowWord, highWord, shown }} /></Later>
    </>
  );
}

function Table({ label, points, lowWord, highWord, shown }: Omit<Props, "onPick">): ReactElement {
  return (
    <div className="visually-hidden">
      <table>
        <caption>{label}</caption>
        <thead><tr><th scope="col">From</th><th scope="col">{lowWord}</th><th scope="col">{highWord}</th><th scope="col">Builds</th></tr></thead>
        <tbody>
          {points.map((point) => (
            <tr key={point.label}><th scope="row">{point.label}</th><td>{shown(point.low)}</td><td>{shown(point.high)}</td><td>{point.builds}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Curves({ points, area, active }: { points: readonly Point[]; area: Area; active: number | null }): ReactElement {
  const places = points.map((_, place) => place);
  const x = (place: number): number => area.x(place) + area.band / 2;
  const low = (place: number): number => area.y(points[place]?.low ?? 0);
  const high = (place: number): number => area.y(points[place]?.high ?? 0);
  const isKnown = (place: number): boolean => points[place]?.low !== null && points[place]?.high !== null;
  const drawn = (y: (place: number) => number): string => lineOf<number>(x, y).defined(isKnown).curve(curveMonotoneX)(places) ?? "";
  const band = areaOf<number>(x, low, high).defined(isKnown).curve(curveMonotoneX)(places) ?? "";
  const alone = runs(points.map((point) => point.low)).flatMap((run) => (run.length === 1 ? run : []));
  const dots = active !== null && isKnown(active) ? [...alone, active] : alone;
  return (
    <g className="lines">
      <path className="lines-band" d={band} />
      <path className="lines-high" d={drawn(high)} />
      <path className="lines-low" d={drawn(low)} />
      {dots.map((place) => (
        <g key={place}>
          <circle className="lines-high" cx={x(place)} cy={high(place)} r="3" />
          <circle className="lines-low" cx={x(place)} cy={low(place)} r="3" />
        </g>
      ))}
    </g>
  );
}

function Values({ point, lowWord, highWord, shown }: { point: Point | undefined; lowWord: string; highWord: string; shown: (value: number | null) => string }): ReactElement | null {
  if (point === undefined) return null;
  return (
    <>
      <strong>{point.label}</strong>
      {point.low === null ? (
        <span className="quiet">No build with a duration</span>
      ) : (
        <>
          <span className="plot-part lines-key high"><i /> {highWord} <b>{shown(point.high)}</b></span>
          <span className="plot-part lines-key low"><i /> {lowWord} <b>{shown(point.low)}</b></span>
          <span className="quiet">of {point.builds} builds</span>
        </>
      )}
    </>
  );
}
