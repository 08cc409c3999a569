/** Above the commits: which pipelines and jobs the columns are, and what those that did not run last came to. */
import { memo, useMemo, type ReactElement } from "react";
import { lookOf } from "~/lib/status";
import { exact } from "~/lib/time";
import { StaleMark } from "~/shell/stale_mark";
import { useStale } from "~/shell/use_stale";
import { ViewLink } from "~/ui/view_link";
import { GLYPHS } from "./glyphs";
import type { Shown } from "./groups";
import { hasRepositories, isFirst, isOwn, placed, saysItself, spansOf, staleReason, titleOf } from "./spans";

interface Props {
  columns: readonly Shown[];
  inSight: readonly Shown[];
  /** How many columns are out of sight on either side. */
  before: number;
  after: number;
  /** By the columns in sight: none of the commits has anything of it. */
  idle: readonly boolean[];
}

/** A change of a row leaves it alone, unless an idle column is idle no more. */
export const GridHead = memo(function GridHead({ columns, inSight, before, after, idle }: Props): ReactElement {
  const stale = useStale();
  const spans = useMemo(() => spansOf(columns), [columns]);
  const isPlaced = useMemo(() => hasRepositories(columns.map(({ group }) => group)), [columns]);
  return (
    <thead>
      <tr className="waterfall-groups">
        <th rowSpan={2} scope="col" className="waterfall-corner">Commit</th>
        {spans.map((span) => (
          <th key={span.key} colSpan={span.columns} scope="colgroup" title={span.title}><span className={span.columns > 1 && !span.isNamed ? "foreign" : "visually-hidden"}>{span.name}</span></th>
        ))}
      </tr>
      <tr>
        <Gap columns={before} />
        {inSight.map((column, index) => (
          <th key={column.key} scope="col" className={nameClass(columns, before + index)} title={titleOf(column)}>
            <span>
              <StaleMark reason={staleReason(columns, before + index, stale)} />
              <span className="foreign">{nameOf(column, isPlaced && saysItself(columns, before + index))}</span>
            </span>
            {idle[index] === true && <LastResult column={column} />}
          </th>
        ))}
        <Gap columns={after} />
        <Rest />
      </tr>
    </thead>
  );
});

/** Where columns stand that are out of sight. */
export function Gap({ columns }: { columns: number }): ReactElement | null {
  return columns > 0 ? <td colSpan={columns} aria-hidden="true" /> : null;
}

/** Few columns leave room beside them; the lines go on to the edge. */
export function Rest(): ReactElement {
  return <td className="waterfall-rest" aria-hidden="true" />;
}

function nameOf(column: Shown, isPlaced: boolean): string {
  if (column.isGroup) return `${column.name} (${column.columns.length})`;
  return placed(column.name, isPlaced ? (column.columns[0]?.repository ?? null) : null);
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
  return ["waterfall-name", column?.isGroup && "whole", isOwn(column) && "own", isFirst(columns, place) && "first"].filter(Boolean).join(" ");
}
