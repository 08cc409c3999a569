/** The grid itself: thousands of cells, of which those in sight are in the page, and a change paints one anew. */
import { memo, useCallback, useEffect, useMemo, useRef, useState, type CSSProperties, type KeyboardEvent, type MouseEvent, type ReactElement, type RefObject } from "react";
import type { Status } from "~/api/types";
import { isSameList, useSame } from "~/state/use_same";
import { useRem } from "~/ui/size";
import { lookOf } from "~/lib/status";
import { Instant } from "~/ui/instant";
import { CellDetail } from "./cell_detail";
import { GLYPHS } from "./glyphs";
import { Gap, GridHead, Rest } from "./grid_head";
import { cellOf, type Shown } from "./groups";
import { hasSeveralRepositories, keyOf, letters, type Column, type Row } from "./model";
import { CELL_REM, ROW_REM, useSight } from "./sight";
import { isFirst } from "./spans";
import { walked, type Place } from "./walk";

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
  const idle = useIdle(rows, inSight);
  const alike = useAlike(rows, all);
  const isPlaced = useMemo(() => hasSeveralRepositories(rows), [rows]);
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
      <table className="waterfall-grid" role="grid" aria-label="Commits by pipelines and jobs" aria-rowcount={rows.length + 2} aria-colcount={columns.length + 1} data-placed={isPlaced || undefined} style={{ "--columns": columns.length } as CSSProperties} onClick={onClick} onKeyDown={onKeyDown}>
        <colgroup>
          <col className="waterfall-first" />
          <col span={columns.length} className="waterfall-each" />
          <col />
        </colgroup>
        <GridHead columns={columns} inSight={inSight} before={room.before} after={room.after} idle={idle} />
        <tbody>
          <Room rows={firstRow} />
          {rows.slice(firstRow, lastRow).map((row, index) => (
            <CommitRow key={keyOf(row)} row={row} index={firstRow + index} columns={inSight} before={room.before} after={room.after} alike={alike} isPlaced={isPlaced} current={tab.row === firstRow + index ? tab.column : null} />
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

interface RowProps {
  row: Row;
  index: number;
  /** Those in sight. */
  columns: readonly Shown[];
  /** How many columns are out of sight on either side. */
  before: number;
  after: number;
  alike: ReadonlyMap<string, string>;
  /** There are commits of several repositories. */
  isPlaced: boolean;
  /** The column whose cell the focus comes to. */
  current: number | null;
}

/** A row in which nothing changed stays the same object, and is not painted. */
const CommitRow = memo(function CommitRow({ row, index, columns, before, after, alike, isPlaced, current }: RowProps): ReactElement {
  const { commit } = row;
  return (
    <tr data-row={index} aria-rowindex={index + 3}>
      <th scope="row" className="waterfall-commit">
        <span className="waterfall-message foreign clip" title={commit.message ?? undefined}>{commit.message ?? "no message"}</span>
        <span className="waterfall-about quiet">
          <code>{commit.sha.slice(0, 7)}</code>
          {isPlaced && commit.repository !== null && <span className="foreign clip waterfall-repository" title={commit.repository}>{commit.repository}</span>}
          {commit.author !== null && <span className="foreign clip" title={commit.author}>{commit.author}</span>}
          <Instant at={commit.queued_at} />
        </span>
      </th>
      <Gap columns={before} />
      {columns.map((column, nth) => {
        const [cell, place] = [cellOf(row, column), before + nth];
        const letter = cell?.failure && column.columns.some((one) => one.isPipeline) ? alike.get(cell.failure) : undefined;
        return <GridCell key={column.key} place={place} isCurrent={current === place} isFirst={isFirst(columns, nth)} status={cell?.status} isFlaky={cell?.isFlaky ?? false} letter={letter} />;
      })}
      <Gap columns={after} />
      <Rest />
    </tr>
  );
});

interface CellProps {
  place: number;
  isCurrent: boolean;
  isFirst: boolean;
  /** Undefined: it did not run. */
  status: Status | undefined;
  isFlaky: boolean;
  letter: string | undefined;
}

/** Of a changed row only those cells are painted that look different. */
const GridCell = memo(function GridCell({ place, isCurrent, isFirst: isEdge, status, isFlaky, letter }: CellProps): ReactElement {
  const words = status === undefined ? "did not run" : [lookOf(status).word, isFlaky && "flaky", letter && `failure ${letter}`].filter(Boolean).join(", ");
  const name = ["c", status ?? "never", isFlaky && "flaky", isEdge && "first"].filter(Boolean).join(" ");
  return (
    <td data-column={place} aria-colindex={place + 2} tabIndex={isCurrent ? 0 : -1} className={name} aria-label={words}>
      {status !== undefined && <i aria-hidden="true">{letter ?? GLYPHS[status] ?? "?"}</i>}
    </td>
  );
});

interface Opened {
  row: string;
  column: string;
  anchor: HTMLElement;
}

function openedAt(at: Place & { anchor: HTMLElement }, rows: readonly Row[], columns: readonly Shown[]): Opened | null {
  const [row, column] = [rows[at.row], columns[at.column]];
  return row && column ? { row: keyOf(row), column: column.key, anchor: at.anchor } : null;
}

/** In which columns none of the commits has anything. */
function useIdle(rows: readonly Row[], columns: readonly Shown[]): readonly boolean[] {
  return useSame(useMemo(() => columns.map((column) => rows.every((row) => cellOf(row, column) === undefined)), [columns, rows]), isSameList);
}

/** The letters of failures. */
function useAlike(rows: readonly Row[], columns: readonly Column[]): ReadonlyMap<string, string> {
  return useSame(useMemo(() => letters(rows, columns), [rows, columns]), sameEntries);
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
