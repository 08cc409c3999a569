/** How many of what in each bucket: bars of which each part can be opened. */
import { useState, type ReactElement } from "react";
import { whole } from "~/lib/numbers";
import type { Tone } from "~/lib/status";
import { Later } from "~/ui/later";
import { Plot, type Area } from "./plot";
import { countTicks } from "./scale";

export interface Part {
  key: string;
  word: string;
  tone: Tone;
  count: number;
}

export interface Bar {
  start: Date;
  label: string;
  /** From the bottom up. */
  parts: readonly Part[];
}

interface Props {
  label: string;
  bars: readonly Bar[];
  /** Null: the whole bar. */
  onPick: (place: number, key: string | null) => void;
}

export function StackedBars({ label, bars, onPick }: Props): ReactElement {
  const [chosen, choose] = useState<{ place: number; part: number } | null>(null);
  const { top, ticks } = countTicks(Math.max(...bars.map(sum), 0));
  const partOf = (place: number): Part | undefined => (chosen?.place === place ? filled(bars[place])[chosen.part] : undefined);
  const step = (place: number, by: 1 | -1): void => {
    const parts = filled(bars[place]);
    if (parts.length === 0) return;
    const from = chosen?.place === place ? chosen.part : by === 1 ? -1 : parts.length;
    choose({ place, part: Math.min(Math.max(from + by, 0), parts.length - 1) });
  };
  const pick = (place: number, value: number | null): void => onPick(place, (value === null ? partOf(place) : partAt(bars[place], value))?.key ?? null);
  return (
    <>
      <Plot
        label={label}
        starts={bars.map((bar) => bar.start)}
        top={top}
        ticks={ticks}
        named={whole}
        said={(place) => said(bars[place], partOf(place))}
        renderReadout={(place) => <Parts bar={bars[place]} chosen={partOf(place)?.key} />}
        onPick={pick}
        onStep={step}
        renderMarks={(area, active) => bars.map((bar, place) => <Column key={bar.label} bar={bar} area={area} place={place} isDim={active !== null && active !== place} />)}
      />
      <Later><Table label={label} bars={bars} /></Later>
    </>
  );
}

function Column({ bar, area, place, isDim }: { bar: Bar; area: Area; place: number; isDim: boolean }): ReactElement {
  const width = Math.max(1, Math.min(area.band - Math.min(4, area.band * 0.25), 40));
  const x = area.x(place) + (area.band - width) / 2;
  let below = 0;
  return (
    <g className={isDim ? "bar dim" : "bar"}>
      {filled(bar).map((part) => {
        const bottom = area.y(below);
        below += part.count;
        const height = bottom - area.y(below);
        return <rect key={part.key} className={`tone-${part.tone}`} x={x} width={width} y={bottom - height} height={height > 3 ? height - 1 : height} />;
      })}
    </g>
  );
}

function Parts({ bar, chosen }: { bar: Bar | undefined; chosen: string | undefined }): ReactElement {
  return (
    <>
      <strong>{bar?.label}</strong>
      {filled(bar).toReversed().map((part) => (
        <span key={part.key} className={`plot-part tone-${part.tone}`} data-chosen={part.key === chosen || undefined}>
          <i /> {part.word} <b>{whole(part.count)}</b>
        </span>
      ))}
      {sum(bar) === 0 && <span className="quiet">No builds</span>}
    </>
  );
}

function Table({ label, bars }: { label: string; bars: readonly Bar[] }): ReactElement {
  const words = bars[0]?.parts.map((part) => part.word) ?? [];
  return (
    <div className="visually-hidden">
      <table>
        <caption>{label}</caption>
        <thead><tr><th scope="col">From</th>{words.map((word) => <th key={word} scope="col">{word}</th>)}</tr></thead>
        <tbody>
          {bars.map((bar) => (
            <tr key={bar.label}><th scope="row">{bar.label}</th>{bar.parts.map((part) => <td key={part.key}>{part.count}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function partAt(bar: Bar | undefined, value: number): Part | undefined {
  let below = 0;
  return bar?.parts.find((part) => part.count > 0 && value <= (below += part.count));
}

function filled(bar: Bar | undefined): readonly Part[] {
  return bar?.parts.filter((part) => part.count > 0) ?? [];
}

function sum(bar: Bar | undefined): number {
  return bar?.parts.reduce((total, part) => total + part.count, 0) ?? 0;
}

function said(bar: Bar | undefined, part: Part | undefined): string {
  if (bar === undefined) return "";
  if (part !== undefined) return `${bar.label}: ${part.word} ${part.count}`;
  const parts = filled(bar).map((one) => `${one.word} ${one.count}`);
  return `${bar.label}: ${parts.length === 0 ? "no builds" : parts.join(", ")}`;
}
