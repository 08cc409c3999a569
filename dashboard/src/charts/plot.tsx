/** The ground of a chart: axes, and one hand over it that the pointer or the arrow keys move and that is read out. */
import { useRef, useState, type KeyboardEvent, type MouseEvent, type ReactElement, type ReactNode } from "react";
import { useRem, useSize } from "~/ui/size";
import { bandAt, placedWithin, timeMarks } from "./scale";
import "./charts.css";

export interface Area {
  width: number;
  height: number;
  /** Of a place among the bands: where its band begins, and how wide it is. */
  x: (place: number) => number;
  band: number;
  y: (value: number) => number;
}

interface Props {
  label: string;
  starts: readonly Date[];
  top: number;
  ticks: readonly number[];
  named: (tick: number) => string;
  /** A band in words, for those who hear it. */
  said: (place: number) => string;
  /** The same to look at. */
  renderReadout: (place: number) => ReactNode;
  /** Opened by a click (at this value) or by Enter. */
  onPick?: (place: number, value: number | null) => void;
  /** Up and down. */
  onStep?: (place: number, step: 1 | -1) => void;
  renderMarks: (area: Area, active: number | null) => ReactNode;
}

/** Room for "1 h 30 m", for the times, and for half of the uppermost tick, in rem. */
const LEFT = 4;
const BOTTOM = 1.35;
const ABOVE = 0.55;

export function Plot({ label, starts, top, ticks, named, said, renderReadout, onPick, onStep, renderMarks }: Props): ReactElement {
  const ref = useRef<HTMLDivElement>(null);
  const { width: full, height: high } = useSize(ref);
  const [active, setActive] = useState<number | null>(null);
  const rem = useRem();
  const [left, bottom, above] = [Math.round(LEFT * rem), Math.round(BOTTOM * rem), Math.round(ABOVE * rem)];
  const width = Math.max(0, full - left);
  const height = Math.max(0, high - bottom - above);
  const band = width / Math.max(starts.length, 1);
  const area: Area = { width, height, band, x: (place) => left + place * band, y: (value) => above + height - (value / top) * height };
  const here = active === null || active >= starts.length ? null : active;
  const last = starts.length - 1;

  const point = (event: MouseEvent): number => bandAt(event.clientX - event.currentTarget.getBoundingClientRect().left, width, starts.length);
  const pick = (event: MouseEvent): void => {
    const box = event.currentTarget.getBoundingClientRect();
    onPick?.(point(event), ((box.bottom - event.clientY) / box.height) * top);
  };
  const press = (event: KeyboardEvent): void => {
    const now = here ?? last;
    const deeds: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => setActive(here === null ? last : Math.max(0, now - 1)),
      ArrowRight: () => setActive(Math.min(last, now + 1)),
      Home: () => setActive(0),
      End: () => setActive(last),
      Escape: () => setActive(null),
      ArrowUp: () => onStep?.(now, 1),
      ArrowDown: () => onStep?.(now, -1),
      Enter: () => onPick?.(now, null),
    };
    const deed = deeds[event.key];
    if (deed === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    deed();
  };

  return (
    <div ref={ref} className="plot">
      {full > 0 && starts.length > 0 && (
        <>
          <svg width={full} height={high} role="img" aria-label={label}>
            <title>{label}</title>
            {ticks.map((value) => (
              <g key={value} className="plot-tick">
                <line x1={left} x2={full} y1={Math.round(area.y(value)) + 0.5} y2={Math.round(area.y(value)) + 0.5} />
                <text x={left - 8} y={area.y(value)} dy="0.32em" textAnchor="end">{named(value)}</text>
              </g>
            ))}
            {here !== null && <rect className="plot-band" x={area.x(here)} y={above} width={band} height={height} />}
            {renderMarks(area, here)}
            {placedWithin(timeMarks(starts, width, rem), (at) => area.x(at) + band / 2, [left, full], rem).map((mark) => (
              <text key={mark.at} className="plot-time" x={mark.x} y={high - 4} textAnchor={mark.anchor}>{mark.label}</text>
            ))}
          </svg>
          <div className="plot-hand" style={{ insetInlineStart: left, inlineSize: width, insetBlockStart: above, blockSize: height, cursor: onPick ? "pointer" : undefined }} role="slider" tabIndex={0} aria-label={`${label}: read out`} aria-valuemin={0} aria-valuemax={last} aria-valuenow={here ?? last} aria-valuetext={said(here ?? last)} onPointerMove={(event) => setActive(point(event))} onPointerLeave={() => setActive(null)} onBlur={() => setActive(null)} onKeyDown={press} onClick={pick} />
          {here !== null && <Readout x={area.x(here) + band / 2} full={full}>{renderReadout(here)}</Readout>}
        </>
      )}
    </div>
  );
}

/** Beside the hand, on the side where there is room. */
function Readout({ x, full, children }: { x: number; full: number; children: ReactNode }): ReactElement {
  const side = x > full / 2 ? { insetInlineEnd: full - x + 14 } : { insetInlineStart: x + 14 };
  return <div className="plot-readout" style={side} aria-hidden="true">{children}</div>;
}
