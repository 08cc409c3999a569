/** The grid itself: thousands of cells, of which a change paints one row anew. */
import { memo, useCallback, useEffect, useMemo, useRef, useState, type CSSProperties, type KeyboardEvent, type MouseEvent, type ReactElement, type RefObject } from "react";
import { useRem } from "~/charts/width";
import { lookOf } from "~/lib/status";
import { exact } from "~/lib/time";
import { Instant } from "~/ui/instant";
import { ViewLink } from "~/ui/view_link";
import { CellDetail } from "./cell_detail";
import { cellOf, type Shown } from "./groups";
import { letters, type Cell, type Column, type Row } from "./model";
import { CELL_REM, ROW_REM, useSight } from "./sight";
import { walked, type Place } from "./walk";

const GLYPHS: Readonly<Record<string, string>> = {
  succeeded: "✓", failed: "✕", timed_out: "◷", running: "●", queued: "…", blocked: "‖", cancelled: "⊘", skipped: "»", unknown: "?",
};

interface Props {
  rows: readonly Row[];
  columns: readonly Shown[];
  all: readonly Column[];
}

export function GridTable({ rows, columns, all }: Props): ReactElement {
  const [place, setPlace] = useState<Place>({ row: 0, column: 0 });
  const [opened, setOpened] = useState<Opened | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const rem = useRem();
  const sight = useSight(scroller, rem, rows.length, columns.length);
  const [firstRow, lastRow] = sight.rows;
  const [firstColumn, lastColumn] = sight.columns;
  const inSight = useMemo(() => columns.slice(firstColumn, lastColumn), [columns, firstColumn, lastColumn]);
  const painted = usePainted(useMemo(() => rows.slice(firstRow, lastRow), [rows, firstRow, lastRow]), inSight);
  const alike = useAlike(rows, all);
  const walk = useWalk(scroller, place, rem);

  const onClick = useCallback((event: MouseEvent) => {
    const at = placeOf(event.target);
    if (at === null) return;
    setPlace(at);
    setOpened(openedAt(at, rows, columns));
  }, [rows, columns]);
  const onKeyDown = useCallback((event: KeyboardEvent) => {
    const at = placeOf(event.target);
    if (at === null) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      setOpened(openedAt(at, rows, columns));
      return;
    }
    const next = walked(at, event.key, rows.length, columns.length);
    if (next === null) return;
    event.preventDefault();
    walk();
    setPlace(next);
  }, [rows, columns, walk]);

  // By their names: when a commit arrives on top, every row moves on.
  const openedRow = rows.find((row) => keyOf(row) === opened?.row);
  const openedColumn = columns.find((one) => one.key === opened?.column);
  const tab = { row: within(place.row, sight.rows), column: within(place.column, sight.columns) };
  const room = { before: firstColumn, after: columns.length - lastColumn };
  return (
    <div ref={scroller} className="waterfall-scroll">
      {/* One listener for every cell. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-to-interactive-role, jsx-a11y/no-noninteractive-element-interactions -- a grid is walked and opened by keys */}
      <table className="waterfall-grid" role="grid" aria-label="Commits by pipelines and jobs" aria-rowcount={rows.length + 2} aria-colcount={columns.length + 1} style={{ "--columns": columns.length } as CSSProperties} onClick={onClick} onKeyDown={onKeyDown}>
        <colgroup>
          <col className="waterfall-first" />
          <col span={columns.length} className="waterfall-each" />
        </colgroup>
        <Head columns={columns} inSight={inSight} room={room} rows={rows} />
        <tbody>
          <Room rows={firstRow} />
          {painted.map((row, index) => (
            <CommitRow key={keyOf(row.row)} painted={row} index={firstRow + index} columns={inSight} room={room} alike={alike} current={tab.row === firstRow + index ? tab.column : null} />
          ))}
          <Room rows={rows.length - lastRow} />
        </tbody>
      </table>
      {openedRow !== undefined && openedColumn !== undefined && opened !== null && (
        <CellDetail key={`${opened.row} ${opened.column}`} row={openedRow} column={openedColumn} cell={cellOf(openedRow, openedColumn)} anchor={opened.anchor} onClose={() => setOpened((now) => (now === opened ? null : now))} />
      )}
    </div>
  );
}

/** Where rows stand that are out of sight. */
function Room({ rows }: { rows: number }): ReactElement | null {
  return rows > 0 ? <tr aria-hidden="true" style={{ blockSize: `${rows * ROW_REM}rem` }} /> : null;
}

interface RoomBeside {
  before: number;
  after: number;
}

/** Where columns stand that are out of sight. */
function Gap({ columns }: { columns: number }): ReactElement | null {
  return columns > 0 ? <td colSpan={columns} aria-hidden="true" /> : null;
}

interface HeadProps {
  columns: readonly Shown[];
  inSight: readonly Shown[];
  room: RoomBeside;
  rows: readonly Row[];
}

function Head({ columns, inSight, room, rows }: HeadProps): ReactElement {
  const spans = useMemo(() => spansOf(columns), [columns]);
  const idle = useMemo(() => inSight.map((column) => rows.every((row) => cellOf(row, column) === undefined)), [inSight, rows]);
  return (
    <thead>
      <tr className="waterfall-groups">
        <th rowSpan={2} scope="col" className="waterfall-corner">Commit</th>
        {spans.map(({ key, name, span }) => (
          <th key={key} colSpan={span} scope="colgroup" title={name}>{span > 1 && <span className="foreign">{name}</span>}</th>
        ))}
      </tr>
      <tr>
        <Gap columns={room.before} />
        {inSight.map((column, index) => (
          <th key={column.key} scope="col" className={nameClass(columns, room.before + index)} title={column.name}>
            <span className="foreign">{column.isGroup ? `${column.name} (${column.columns.length})` : column.name}</span>
            {idle[index] && <LastResult column={column} />}
          </th>
        ))}
        <Gap columns={room.after} />
      </tr>
    </thead>
  );
}

/** A column in which nothing of these commits ran keeps what came before. */
function LastResult({ column }: { column: Shown }): ReactElement | null {
  const last = column.columns.find((one) => one.last !== null)?.last;
  if (!last) return null;
  const { word } = lookOf(last.status);
  return (
    <ViewLink to={`/builds/${last.build_id}`} className={`waterfall-last ${last.status}`} title={`Last result: ${word}, ${exact(last.queued_at)}`} aria-label={`Last result: ${word}`}>
      {GLYPHS[last.status] ?? "?"}
    </ViewLink>
  );
}

function nameClass(columns: readonly Shown[], place: number): string {
  const column = columns[place];
  const isOwn = column?.columns.length === 1 && column.columns[0]?.isPipeline;
  return ["waterfall-name", column?.isGroup && "whole", isOwn && "own", isFirst(columns, place) && "first"].filter(Boolean).join(" ");
}

interface RowProps {
  painted: Painted;
  index: number;
  /** Those in sight. */
  columns: readonly Shown[];
  room: RoomBeside;
  alike: ReadonlyMap<string, string>;
  /** The column whose cell the focus comes to. */
  current: number | null;
}

const CommitRow = memo(
  function CommitRow({ painted, index, columns, room, alike, current }: RowProps): ReactElement {
    const { commit } = painted.row;
    return (
      <tr data-row={index} aria-rowindex={index + 3}>
        <th scope="row" className="waterfall-commit">
          <span className="waterfall-message foreign clip" title={commit.message ?? undefined}>{commit.message ?? "no message"}</span>
          <span className="waterfall-about quiet">
            <code>{commit.sha.slice(0, 7)}</code> <span className="foreign clip">{commit.author}</span> <Instant at={commit.queued_at} />
          </span>
        </th>
        <Gap columns={room.before} />
        {columns.map((column, place) => (
          <GridCell key={column.key} place={room.before + place} isCurrent={current === room.before + place} isFirst={isFirst(columns, place)} cell={painted.cells[place]} column={column} alike={alike} />
        ))}
        <Gap columns={room.after} />
      </tr>
    );
  },
  (one, other) => one.painted === other.painted && one.index === other.index && one.columns === other.columns && one.alike === other.alike && one.current === other.current && one.room.before === other.room.before && one.room.after === other.room.after,
);

interface CellProps {
  place: number;
  isCurrent: boolean;
  isFirst: boolean;
  cell: Cell | undefined;
  column: Shown;
  alike: ReadonlyMap<string, string>;
}

function GridCell({ place, isCurrent, isFirst: isEdge, cell, column, alike }: CellProps): ReactElement {
  const letter = cell?.failure && column.columns.some((one) => one.isPipeline) ? alike.get(cell.failure) : undefined;
  const words = cell === undefined ? "did not run" : [lookOf(cell.status).word, cell.isFlaky && "flaky", letter && `failure ${letter}`].filter(Boolean).join(", ");
  const name = ["c", cell?.status ?? "never", cell?.isFlaky && "flaky", isEdge && "first"].filter(Boolean).join(" ");
  return (
    <td data-column={place} aria-colindex={place + 2} tabIndex={isCurrent ? 0 : -1} className={name} aria-label={words}>
      {cell !== undefined && <i aria-hidden="true">{letter ?? GLYPHS[cell.status] ?? "?"}</i>}
    </td>
  );
}

/** Whether another pipeline begins here. */
function isFirst(columns: readonly Shown[], place: number): boolean {
  const [here, before] = [columns[place], columns[place - 1]];
  return here?.group.pipeline !== before?.group.pipeline || (here?.group.pipeline === null && here.group.key !== before?.group.key);
}

interface Painted {
  row: Row;
  cells: readonly (Cell | undefined)[];
}

/** Rows with the cells of the shown columns; one that shows the same as before stays the same object, and is not painted. */
function usePainted(rows: readonly Row[], columns: readonly Shown[]): readonly Painted[] {
  const [kept] = useState(() => ({ columns, byCommit: new Map<string, { painted: Painted; text: string }>() }));
  return useMemo(() => {
    const next = new Map<string, { painted: Painted; text: string }>();
    const found = rows.map((row) => {
      const key = keyOf(row);
      const cells = columns.map((column) => cellOf(row, column));
      const text = cells.map(described).join();
      const before = kept.columns === columns ? kept.byCommit.get(key) : undefined;
      const painted = before?.text === text ? before.painted : { row, cells };
      next.set(key, { painted, text });
      return painted;
    });
    Object.assign(kept, { columns, byCommit: next });
    return found;
  }, [rows, columns, kept]);
}

function keyOf({ commit }: Row): string {
  return `${commit.repository} ${commit.sha}`;
}

interface Opened {
  row: string;
  column: string;
  anchor: HTMLElement;
}

function openedAt(at: Place & { anchor: HTMLElement }, rows: readonly Row[], columns: readonly Shown[]): Opened | null {
  const [row, column] = [rows[at.row], columns[at.column]];
  return row && column ? { row: keyOf(row), column: column.key, anchor: at.anchor } : null;
}

function described(cell: Cell | undefined): string {
  return cell === undefined ? "" : `${cell.status} ${cell.former} ${cell.isFlaky} ${cell.failure} ${cell.buildId} ${cell.duration} ${cell.attempts}`;
}

/** The letters of failures; the same map as long as they are the same. */
function useAlike(rows: readonly Row[], columns: readonly Column[]): ReadonlyMap<string, string> {
  const found = useMemo(() => letters(rows, columns), [rows, columns]);
  const [kept, setKept] = useState(found);
  if (kept === found || sameEntries(kept, found)) return kept;
  setKept(found);
  return found;
}

function sameEntries(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}

/** After a key the focus goes to the place; a cell out of sight is scrolled to first. Returns what a key has to call. */
function useWalk(scroller: RefObject<HTMLElement | null>, place: Place, rem: number): () => void {
  const isWalking = useRef(false);
  // At every rendering: the cell may come into the page only after the grid was scrolled to it.
  useEffect(() => {
    const element = scroller.current;
    if (!isWalking.current || element === null) return;
    const cell = element.querySelector<HTMLElement>(selector(place));
    if (cell === null) {
      element.scrollTo({ top: place.row * ROW_REM * rem, left: place.column * CELL_REM * rem });
      return;
    }
    isWalking.current = false;
    cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  return useCallback(() => {
    isWalking.current = true;
  }, []);
}

/** The nearest that is in sight. */
function within(place: number, [first, last]: readonly [number, number]): number {
  return Math.min(Math.max(place, first), Math.max(last - 1, first));
}

function selector({ row, column }: Place): string {
  return `tr[data-row="${row}"] > td[data-column="${column}"]`;
}

function placeOf(target: EventTarget): (Place & { anchor: HTMLElement }) | null {
  const anchor = target instanceof Element ? target.closest<HTMLElement>("td[data-column]") : null;
  const row = anchor?.closest<HTMLElement>("tr[data-row]");
  return anchor && row ? { anchor, row: Number(row.dataset.row), column: Number(anchor.dataset.column) } : null;
}

function spansOf(columns: readonly Shown[]): { key: string; name: string; span: number }[] {
  const spans: { key: string; name: string; span: number }[] = [];
  for (const { group } of columns) {
    const name = group.pipeline ?? group.name;
    const last = spans.at(-1);
    if (last?.name === name) last.span += 1;
    else spans.push({ key: group.key, name, span: 1 });
  }
  return spans;
}
