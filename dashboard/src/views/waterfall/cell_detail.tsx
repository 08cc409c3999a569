/** What one cell says, beside it. */
import { useEffect, useLayoutEffect, useRef, type ReactElement } from "react";
import { count } from "~/lib/numbers";
import { duration } from "~/lib/time";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Outside } from "~/ui/outside";
import { StatusPill } from "~/ui/pill";
import { ViewLink } from "~/ui/view_link";
import { failureOf, type Failure } from "./failure";
import type { Shown } from "./groups";
import { fullName } from "./groups";
import type { Cell, Row } from "./model";

interface Props {
  row: Row;
  column: Shown;
  cell: Cell | undefined;
  anchor: HTMLElement;
  onClose: () => void;
}

export function CellDetail({ row, column, cell, anchor, onClose }: Props): ReactElement {
  const panel = useRef<HTMLDivElement>(null);
  usePosition(panel, anchor);
  useEffect(() => {
    panel.current?.showPopover();
    panel.current?.focus();
  }, []);
  const [only] = column.columns;
  return (
    <div ref={panel} popover="auto" className="menu waterfall-detail" role="dialog" aria-label={`${column.name} at ${row.commit.sha.slice(0, 7)}`} tabIndex={-1} onToggle={(event) => {
      if (event.newState !== "closed") return;
      anchor.focus();
      onClose();
    }}>
      <div className="row">
        {cell === undefined ? <strong>Did not run</strong> : <StatusPill status={cell.status} isFlaky={cell.isFlaky} />}
        <strong className="foreign clip">{column.isGroup || only === undefined ? column.name : fullName(only)}</strong>
      </div>
      <p className="foreign">{row.commit.message}</p>
      <p className="quiet"><code>{row.commit.sha.slice(0, 10)}</code> <span className="foreign">{row.commit.author}</span>, <Instant at={row.commit.queued_at} /></p>
      {cell === undefined ? <LastResult column={column} /> : <About cell={cell} failure={failureOf(row, column, cell)} />}
      {column.isGroup && <Members row={row} column={column} />}
    </div>
  );
}

function About({ cell, failure }: { cell: Cell; failure: Failure | null }): ReactElement {
  return (
    <>
      <dl className="facts">
        {cell.former !== null && <><dt>Before</dt><dd><StatusPill status={cell.former} isBare /></dd></>}
        {failure !== null && <><dt>{failure.of === "jobs" ? "Failed in" : "The provider says"}</dt><dd className="foreign">{failure.words}</dd></>}
        <dt>Duration</dt><dd>{duration(cell.duration)}</dd>
        {cell.attempts !== null && cell.builds !== null && <><dt>Tried</dt><dd>{count(cell.attempts, "attempt")} in {count(cell.builds, "build")}</dd></>}
      </dl>
      <div className="row">
        <ViewLink to={`/builds/${cell.buildId}`} className="button primary">Open the build</ViewLink>
        <Outside url={cell.webUrl} words="Open at the provider">At the provider</Outside>
      </div>
    </>
  );
}

function LastResult({ column }: { column: Shown }): ReactElement {
  const last = column.columns.find((one) => one.last !== null)?.last;
  if (!last) return <p className="quiet">Nothing of this commit was built here.</p>;
  return (
    <p>
      Nothing of this commit was built here. Last result: <StatusPill status={last.status} isBare /> <Instant at={last.queued_at} />,{" "}
      <ViewLink to={`/builds/${last.build_id}`}>that build</ViewLink>.
    </p>
  );
}

function Members({ row, column }: { row: Row; column: Shown }): ReactElement {
  return (
    <ul className="waterfall-members">
      {column.columns.map((one) => {
        const cell = row.cells.get(one.key);
        return (
          <li key={one.key} className="row">
            {cell === undefined ? <span className="quiet"><Icon name="dots" /> did not run</span> : <StatusPill status={cell.status} isFlaky={cell.isFlaky} isBare />}
            <span className="foreign clip">{one.name}</span>
          </li>
        );
      })}
    </ul>
  );
}

/** Below the cell, or above where there is no room; never beyond the edge. */
function usePosition(panel: { current: HTMLDivElement | null }, anchor: HTMLElement): void {
  useLayoutEffect(() => {
    if (panel.current === null) return;
    const at = anchor.getBoundingClientRect();
    const { style } = panel.current;
    const isLow = at.bottom > innerHeight * 0.6;
    style.insetInlineStart = `${Math.max(8, Math.min(at.left, innerWidth - 380))}px`;
    style.insetBlockStart = isLow ? "auto" : `${at.bottom + 4}px`;
    style.insetBlockEnd = isLow ? `${innerHeight - at.top + 4}px` : "auto";
  }, [panel, anchor]);
}
