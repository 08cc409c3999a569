/** How a log is looked at: what is folded, which line is meant, whether its end is followed. */
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Rows, type Fold } from "./folds";
import type { LogState } from "./reader";
import { placeOf } from "./text";

export interface LogView {
  rows: Rows;
  folds: ReadonlyMap<number, Fold>;
  isClosed: (fold: Fold) => boolean;
  fold: (start: number, isClosed: boolean) => void;
  /** Unfold what hides a line, and scroll to it. */
  show: (line: number) => void;
  /** A new object is a new wish to see that line. */
  wanted: { line: number } | null;
}

export function useLogView(state: LogState): LogView {
  const [chosen, setChosen] = useState<ReadonlyMap<number, boolean>>(new Map());
  const [wanted, setWanted] = useState<{ line: number } | null>(null);
  const { text } = state;
  const { count, errors } = text;
  const folds = useMemo(() => (count === 0 ? [] : text.folds), [text, count]);
  const isClosed = useCallback(
    (one: Fold) => chosen.get(one.start) ?? (one.isClosed && !holdsAny(one, errors)),
    [chosen, errors],
  );
  const rows = useMemo(() => new Rows(count, folds, isClosed), [count, folds, isClosed]);
  const fold = useCallback((start: number, isNowClosed: boolean) => setChosen((before) => new Map(before).set(start, isNowClosed)), []);
  const show = useCallback(
    (line: number) => {
      const hiding = folds.filter((one) => one.start < line && line < one.end && isClosed(one));
      if (hiding.length > 0) setChosen((before) => new Map([...before, ...hiding.map((one) => [one.start, false] as const)]));
      setWanted({ line });
    },
    [folds, isClosed],
  );
  const byStart = useMemo(() => new Map(folds.map((one) => [one.start, one])), [folds]);
  return { rows, folds: byStart, isClosed, fold, show, wanted };
}

function holdsAny(fold: Fold, lines: readonly number[]): boolean {
  const line = lines[placeOf(lines, (one) => one < fold.end)];
  return line !== undefined && line > fold.start;
}

/** The line the address names: `#L120`, counted from 0. */
export function useLinkedLine(): number | null {
  const hash = useSyncExternalStore(watchHash, () => location.hash);
  return linkedLine(hash);
}

export function linkedLine(hash: string): number | null {
  const number = Number(/^#L(\d{1,9})$/.exec(hash)?.[1] ?? 0);
  return number > 0 ? number - 1 : null;
}

function watchHash(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

/** Show a line once, as soon as it is there. */
export function useFirstSight(line: number | null, count: number, isOver: boolean, show: (line: number) => void): void {
  const shown = useRef<number | null>(null);
  useEffect(() => {
    if (line === null || shown.current === line || (line >= count && !isOver)) return;
    shown.current = line;
    show(Math.min(line, count - 1));
  }, [line, count, isOver, show]);
}
