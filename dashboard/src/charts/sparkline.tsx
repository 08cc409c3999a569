/** The run of one figure, without axes: whether it rises, falls or jumps. */
import type { ReactElement } from "react";
import { area as areaOf, curveMonotoneX, line as lineOf } from "d3-shape";
import { runs } from "./scale";
import "./charts.css";

const WIDTH = 100;
const HEIGHT = 28;
const EDGE = 2;

interface Props {
  values: readonly (number | null)[];
  /** What it says, for those who do not see it. */
  words: string;
}

export function Sparkline({ values, words }: Props): ReactElement {
  const known = values.filter((value) => value !== null);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const x = (place: number): number => (values.length < 2 ? WIDTH / 2 : (place / (values.length - 1)) * WIDTH);
  const y = (place: number): number => (most === least ? HEIGHT / 2 : EDGE + (1 - ((values[place] ?? least) - least) / (most - least)) * (HEIGHT - 2 * EDGE));
  const places = values.map((_, place) => place);
  const isKnown = (place: number): boolean => values[place] !== null;
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words}>
      <title>{words}</title>
      <path className="spark-area" d={areaOf<number>(x, HEIGHT, y).defined(isKnown).curve(curveMonotoneX)(places) ?? ""} />
      <path className="spark-line" d={lineOf<number>(x, y).defined(isKnown).curve(curveMonotoneX)(places) ?? ""} />
      {runs(values).map(([place, ...others]) => place !== undefined && others.length === 0 && <line key={place} className="spark-line" x1={x(place)} x2={x(place) + 0.01} y1={y(place)} y2={y(place)} />)}
    </svg>
  );
}
