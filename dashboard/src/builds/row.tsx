/** One build in a table: a line of cells, or a card of two lines where the table is narrow. */
import { memo, type CSSProperties, type ReactElement } from "react";
import type { Build, Duration as Typical } from "~/api/types";
import { STALE_ROW } from "~/shell/stale_mark";
import { StatusPill } from "~/ui/pill";
import { CELLS, Commit, Duration, Foreign, Name, Started } from "./cells";
import type { Column } from "./columns";

interface Props {
  build: Build | undefined;
  index: number;
  offset: number;
  id: string;
  isHere: boolean;
  usual: Typical | undefined;
  /** Why it may be older than it looks. */
  stale: string | undefined;
  /** What links keep of the address. */
  kept: string;
  /** Null: no room for columns. */
  columns: readonly Column[] | null;
}

export const BuildRow = memo(function BuildRow({ build, index, offset, id, isHere, usual, stale, kept, columns }: Props): ReactElement {
  const style: CSSProperties = { insetBlockStart: offset };
  const shared = { id, className: `builds-row${columns === null ? " builds-card" : ""}${stale === undefined ? "" : ` ${STALE_ROW}`}`, role: "row", "aria-rowindex": index + 2, "aria-selected": isHere, style };
  if (build === undefined) return <div {...shared}><span role="gridcell" className="builds-ghost" aria-label="Loading"><span className="skeleton" /></span></div>;
  if (columns === null) return <div {...shared} data-build={build.id}><Card build={build} usual={usual} stale={stale} kept={kept} /></div>;
  return (
    <div {...shared} data-build={build.id}>
      {columns.map((column) => (
        <span key={column} role="gridcell" className={`builds-cell builds-${column}`}>{CELLS[column]({ build, usual, stale, kept })}</span>
      ))}
    </div>
  );
});

function Card({ build, usual, stale, kept }: { build: Build; usual: Typical | undefined; stale: string | undefined; kept: string }): ReactElement {
  return (
    <>
      <span role="gridcell" className="builds-line">
        <StatusPill status={build.status} isStale={build.stale_since !== null} />
        <span className="builds-pipeline"><Name build={build} stale={stale} kept={kept} /></span>
        <small className="quiet"><Started build={build} /></small>
      </span>
      <span role="gridcell" className="builds-line quiet">
        <span className="builds-branch"><Foreign text={build.branch} /></span>
        <span className="builds-commit">{build.commit_sha !== null && <Commit build={build} />}</span>
        <Duration build={build} usual={usual} />
      </span>
    </>
  );
}
