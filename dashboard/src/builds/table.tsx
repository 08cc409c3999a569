/** Builds in rows, as many as there are: only those in sight are in the page, and only those around them in memory. */
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState, type CSSProperties, type KeyboardEvent, type MouseEvent, type ReactElement, type RefObject } from "react";
import { useLocation } from "wouter";
import type { Query } from "~/api/request";
import { count, whole } from "~/lib/numbers";
import { usePreference } from "~/state/preferences";
import { useStale } from "~/shell/use_stale";
import { useShortcuts } from "~/state/keys";
import { isSameList, useSame } from "~/state/use_same";
import { keeping, useParameters } from "~/state/url";
import { Icon } from "~/ui/icon";
import { openOutside } from "~/ui/outside";
import { Blank, Failure, Older } from "~/ui/states";
import { useSize } from "~/ui/size";
import { useScrolled } from "~/ui/use_scrolled";
import { NARROW, SHAPES, columnsOr, fitting, tracks, type Column } from "./columns";
import { filtersOf, noFilters, type FilterName } from "./filter";
import type { Listing } from "./listing";
import { rangeOf, scrollFor } from "./range";
import { BuildRow } from "./row";
import { indexOf, rowAt, type Rows } from "./rows";
import { useListing } from "./use_listing";
import { useMet, useUsual } from "./usual";
import "./table.css";

const ROW_PX = 44;
const CARD_PX = 64;
const HEAD_PX = 34;
/** So many that there is a scroll bar already where there will mostly be one. */
const GHOSTS = 20;
/** More are not in sight at once; a height that still changed with each page would have every row's style worked out anew. */
const MOST_HIGH = 50;

/** As it is mostly, so that rows are mostly drawn but once. */
const SCREEN = { width: window.innerWidth, height: 0 };

interface Props {
  query: Query;
  /** What is said where there are no builds; a page that says it has no filters. */
  none?: string;
  /** Filters that the page itself settles. */
  fixed?: readonly FilterName[];
}

export function BuildTable({ query, none, fixed }: Props): ReactElement {
  const scroller = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const { width } = useSize(frame, SCREEN);
  const [isAway, setAway] = useState(false);
  const list = useListing(query, isAway);
  const { rows, listing } = list;
  const [chosen] = usePreference("builds.columns", columnsOr);
  const rem = width / 16;
  const fit = useMemo(() => fitting(chosen, rem), [chosen, rem]);
  // A width in which the same ones fit draws no row anew.
  const kept = useSame(fit, isSameList);
  const columns = rem < NARROW ? null : kept;
  const isBlank = rows !== undefined && !list.isOld && rows.count === 0 && rows.next === null;

  if (list.headError !== null && (rows === undefined || list.isOld)) return <Failure error={list.headError} again={list.askAgain} />;
  return (
    <div ref={frame} className="builds" data-old={list.isOld || undefined} aria-busy={rows === undefined || list.isOld}>
      <Older of={list.standing} />
      {isBlank ? (
        <NoBuild none={none} fixed={fixed} />
      ) : (
        <Scroller {...{ scroller, columns, rows, listing, isAway, setAway }} error={list.error} />
      )}
      {rows !== undefined && (rows.fresh.length > 0 || list.isBehind) && (
        <button type="button" className="button primary builds-fresh" onClick={() => toTop(scroller, listing)}>
          <Icon name="up" /> {list.isBehind ? "Many new" : `${whole(rows.fresh.length)} new`}
        </button>
      )}
    </div>
  );
}

function NoBuild({ none, fixed }: { none: string | undefined; fixed: readonly FilterName[] | undefined }): ReactElement {
  const { search, set } = useParameters();
  if (none !== undefined) return <Blank icon="search" title="No build matches">{none}</Blank>;
  if (filtersOf(search, fixed) === "") return <Blank icon="search" title="No build matches">Widen the window of time.</Blank>;
  const clear = <button type="button" className="button" onClick={() => set(noFilters(fixed))}><Icon name="close" /> Clear the filters</button>;
  return <Blank icon="search" title="No build matches" action={clear}>Widen the window of time or take a filter away.</Blank>;
}

function toTop(scroller: RefObject<HTMLDivElement | null>, listing: Listing): void {
  listing.release();
  scroller.current?.scrollTo({ top: 0 });
}

interface ScrollerProps {
  scroller: RefObject<HTMLDivElement | null>;
  columns: readonly Column[] | null;
  rows: Rows | undefined;
  listing: Listing;
  isAway: boolean;
  setAway: (isAway: boolean) => void;
  error: unknown;
}

function Scroller({ scroller, columns, rows, listing, isAway, setAway, error }: ScrollerProps): ReactElement {
  const rowPx = columns === null ? CARD_PX : ROW_PX;
  const isWhole = rows !== undefined && rows.next === null;
  const total = rows === undefined ? GHOSTS : rows.count + (isWhole || error !== null ? 0 : 1);
  const { top, height } = useScrolled(scroller, rowPx);
  const { first, last } = rangeOf(top, height, rowPx, total);
  const slots = useSlots(last - first + 1);
  useEffect(() => listing.see(first, last), [listing, first, last]);
  useAnchor(scroller, rows, rowPx);
  const cursor = useCursor(rows, rowPx, scroller);
  const usual = useUsual(useMet(rows, first, last));
  const stale = useStale();
  const id = useId();
  const { search } = useParameters();
  const kept = keeping("", search);
  const [, navigate] = useLocation();
  const style = { "--tracks": columns === null ? "minmax(0, 1fr)" : tracks(columns), "--row-px": `${rowPx}px`, "--rows": Math.min(Math.max(total, 3), MOST_HIGH) } as CSSProperties;
  return (
    // A grid is one stop of the tab key; arrows walk its rows.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions -- a grid is interactive, and a click on it is one on a link
    <div ref={scroller} className="builds-scroller" role="grid" aria-label="Builds" aria-rowcount={isWhole ? total + 1 : -1} aria-activedescendant={cursor.index < 0 ? undefined : `${id}${cursor.index}`} tabIndex={0} style={style} onKeyDown={cursor.press} onClick={(event) => follow(event, navigate)} onScroll={(event) => setAway(isFarther(event.currentTarget, isAway, rowPx))}>
      <div className={columns === null ? "visually-hidden" : "builds-head"} role="row" aria-rowindex={1}>
        {(columns ?? ["pipeline" as const]).map((column) => (
          <span key={column} role="columnheader" className={`builds-${column}`}>{column === "link" ? <span className="visually-hidden">Provider</span> : SHAPES[column].word}</span>
        ))}
      </div>
      <div className="builds-rows" role="rowgroup" style={{ blockSize: total * rowPx }}>
        {Array.from({ length: Math.max(0, last - first + 1) }, (_, step) => {
          const index = first + step;
          const build = rows === undefined ? undefined : rowAt(rows, index);
          return <BuildRow key={index % slots} id={`${id}${index}`} index={index} offset={index * rowPx} build={build} columns={columns} kept={kept} isHere={index === cursor.index} usual={build && usual.get(build.pipeline_id)} stale={build && stale.get(build.pipeline_id)} />;
        })}
      </div>
      {error !== null && <Failure error={error} again={() => listing.again()} />}
      {isWhole && <p className="builds-end quiet">{count(rows.count, "build")}, no more</p>}
    </div>
  );
}

/** Rows that leave at one end are used again at the other: changing one costs less than making one. */
function useSlots(shown: number): number {
  const [slots, setSlots] = useState(1);
  if (shown > slots) setSlots(shown);
  return Math.max(slots, shown);
}

/** The rows' links are plain ones, which cost nothing while scrolling; within this page they are followed without leaving it. */
function follow(event: MouseEvent, navigate: (to: string) => void): void {
  const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a.builds-open") : null;
  if (link === null || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  navigate(link.getAttribute("href") ?? "/");
}

/** Once away, only the very top counts as back: there nothing would move. */
function isFarther(scroller: HTMLElement, isAway: boolean, rowPx: number): boolean {
  return scroller.scrollTop > (isAway ? 1 : rowPx / 2);
}

/** What comes or goes above the reader does not move what is read. */
function useAnchor(scroller: RefObject<HTMLDivElement | null>, rows: Rows | undefined, rowPx: number): void {
  const [anchor] = useState(() => new Anchor());
  // Once, and before any listener that draws: reading where it is scrolled to after a change would cost a layout.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    const move = (): void => anchor.move(element.scrollTop);
    element.addEventListener("scroll", move, { passive: true });
    return () => element.removeEventListener("scroll", move);
  }, [scroller, anchor]);
  useLayoutEffect(() => {
    const by = rows === undefined ? 0 : anchor.hold(rows, rowPx);
    if (by !== 0) scroller.current?.scrollBy({ top: by });
  }, [scroller, anchor, rows, rowPx]);
}

/** The build at the top of what is in sight. */
class Anchor {
  private top = 0;
  private rows: Rows | undefined;
  private rowPx = 1;
  private held: { id: number; index: number } | null = null;

  move(top: number): void {
    this.top = top;
    this.mark();
  }

  /** These are the rows now: by how much to scroll so that the build stays where it is. At the very top nothing is held. */
  hold(rows: Rows, rowPx: number): number {
    const { held, top } = this;
    const index = held === null ? -1 : indexOf(rows, held.id);
    const by = held === null || index < 0 || top <= rowPx / 2 ? 0 : (index - held.index) * rowPx;
    Object.assign(this, { rows, rowPx, top: top + by });
    this.mark();
    return by;
  }

  private mark(): void {
    const index = Math.floor(this.top / this.rowPx);
    const build = this.rows && rowAt(this.rows, index);
    this.held = build === undefined ? null : { id: build.id, index };
  }
}

interface Cursor {
  index: number;
  press: (event: KeyboardEvent) => void;
}

/** The row that keys move and open: it stays with its build, whatever comes above. */
function useCursor(rows: Rows | undefined, rowPx: number, scroller: RefObject<HTMLDivElement | null>): Cursor {
  const [chosen, choose] = useState<number | null>(null);
  const [, navigate] = useLocation();
  const { search } = useParameters();
  const index = chosen === null || rows === undefined ? -1 : indexOf(rows, chosen);
  const go = (step: number): void => {
    if (rows === undefined) return;
    const next = Math.min(Math.max(index + step, 0), rows.count - 1);
    const build = rowAt(rows, index === -1 ? Math.floor((scroller.current?.scrollTop ?? 0) / rowPx) : next);
    if (build === undefined) return;
    choose(build.id);
    const element = scroller.current;
    const to = element === null ? null : scrollFor(indexOf(rows, build.id), element.scrollTop, element.clientHeight, rowPx, HEAD_PX);
    if (to !== null) element?.scrollTo({ top: to });
    if (document.activeElement !== element) element?.focus();
  };
  const open = (): void => {
    if (chosen !== null && index >= 0) navigate(keeping(`/builds/${chosen}`, search));
  };
  const provider = (): void => {
    const build = rows === undefined || index < 0 ? undefined : rowAt(rows, index);
    openOutside(build?.web_url);
  };
  useShortcuts([
    { keys: ["o"], words: "Open the build at the provider", group: "Builds", run: provider, isThere: () => index >= 0 },
    { keys: ["j"], words: "Next build", group: "Builds", run: () => go(1) },
    { keys: ["k"], words: "Previous build", group: "Builds", run: () => go(-1) },
  ]);
  const press = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    const deeds: Readonly<Record<string, () => void>> = { ArrowDown: () => go(1), ArrowUp: () => go(-1), Enter: open };
    const deed = deeds[event.key];
    if (deed === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    deed();
  };
  return { index, press };
}
