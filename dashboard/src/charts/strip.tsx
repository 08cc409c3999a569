/** A pipeline's last builds as small bars: how high against its usual duration, colour and glyph for how each ended. */
import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactElement } from "react";
import { useLocation } from "wouter";
import type { Status } from "~/api/types";
import { lookOf } from "~/lib/status";
import { keeping, useParameters } from "~/state/url";
import { Instant } from "~/ui/instant";
import { FlakyMark, StatusPill } from "~/ui/pill";
import { STRIP_LENGTH, stripWords, type StripBar } from "./strip_bars";
import "./strip.css";

/** On a square of 6: what is not success has a shape of its own. */
const GLYPHS: Readonly<Partial<Record<Status, string>>> = {
  failed: "M1 1l4 4M5 1l-4 4",
  timed_out: "M1 1h4l-4 4h4z",
  cancelled: "M5 .8l-4 4.400",
  skipped: "M1.500 1l3 2-3 2",
  running: "M3 1a2 2 0 1 0 2 2",
  queued: "M1 3h.01M3 3h.01M5 3h.01",
  blocked: "M2 1v4M4 1v4",
  unknown: "M1.500 2a1.500 1.300 0 1 1 1.500 1.500M3 5.200h.01",
};

/** One stop of the tab key; arrows walk the bars, Enter opens the build. */
export function Strip({ bars, name }: { bars: readonly StripBar[]; name: string }): ReactElement {
  const [active, setActive] = useState<number | null>(null);
  const [, navigate] = useLocation();
  const { search } = useParameters();
  const last = bars.length - 1;
  const here = active === null ? undefined : bars[active];
  const id = useId();
  const anchor = `--strip-${id.replaceAll(/[^a-zA-Z0-9]/g, "")}`;

  const open = (bar: StripBar | undefined): void => {
    if (bar !== undefined) navigate(keeping(`/builds/${bar.id}`, search));
  };
  const press = (event: KeyboardEvent): void => {
    const now = active ?? last;
    const deeds: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => setActive(active === null ? last : Math.max(0, now - 1)),
      ArrowRight: () => setActive(Math.min(last, now + 1)),
      Home: () => setActive(0),
      End: () => setActive(last),
      Escape: () => setActive(null),
      Enter: () => open(bars[now]),
    };
    const deed = deeds[event.key];
    if (deed === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    deed();
  };
  if (bars.length === 0) return <span className="quiet">no builds yet</span>;
  return (
    <>
      <div
        className="strip"
        role="slider"
        tabIndex={0}
        aria-label={`${name}. ${stripWords(bars)}`}
        aria-valuemin={1}
        aria-valuemax={bars.length}
        aria-valuenow={(active ?? last) + 1}
        aria-valuetext={said(bars[active ?? last])}
        style={{ anchorName: anchor } as object}
        onKeyDown={press}
        onFocus={() => setActive((now) => now ?? last)}
        onBlur={() => setActive(null)}
        onPointerLeave={() => setActive(null)}
      >
        {Array.from({ length: Math.max(0, STRIP_LENGTH - bars.length) }, (_, place) => <span key={`none ${place}`} className="strip-bar strip-none" />)}
        {bars.map((bar, place) => <Bar key={bar.id} bar={bar} isHere={place === active} point={() => setActive(place)} open={() => open(bar)} />)}
      </div>
      {here !== undefined && <Readout bar={here} anchor={anchor} />}
    </>
  );
}

function Bar({ bar, isHere, point, open }: { bar: StripBar; isHere: boolean; point: () => void; open: () => void }): ReactElement {
  const glyph = GLYPHS[bar.status];
  return (
    // Keys are the strip's: one stop for all its bars.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions -- Enter on the strip opens the build, too
    <span className={`strip-bar tone-${bar.tone}`} data-status={bar.status} data-here={isHere || undefined} data-open={bar.isOpen || undefined} onPointerEnter={point} onClick={open}>
      <i style={{ blockSize: `${bar.height * 100}%` }} data-flaky={bar.isFlaky || undefined} />
      <svg viewBox="0 0 6 6" aria-hidden="true">{glyph !== undefined && <path d={glyph} />}</svg>
    </span>
  );
}

/** On top of everything, so that no edge of a table cuts it. */
function Readout({ bar, anchor }: { bar: StripBar; anchor: string }): ReactElement {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => ref.current?.showPopover(), []);
  return (
    <div ref={ref} popover="manual" className="menu strip-readout" style={{ positionAnchor: anchor } as object} aria-hidden="true">
      <span className="row"><StatusPill status={bar.status} />{bar.isFlaky && <span className="row tight"><FlakyMark /> flaky</span>}</span>
      <span>{bar.took}</span>
      <span className="quiet"><Instant at={bar.queuedAt} /></span>
    </div>
  );
}

function said(bar: StripBar | undefined): string {
  if (bar === undefined) return "";
  return `${lookOf(bar.status).word}${bar.isFlaky ? ", flaky" : ""}, ${bar.took}`;
}
