/** The table of pipelines: sortable, grouped where somebody wants it. */
import { useState, type ReactElement } from "react";
import { count } from "~/lib/numbers";
import { providerName } from "~/lib/provider";
import { useParameters } from "~/state/url";
import { Icon } from "~/ui/icon";
import { PipelineRow } from "./row";
import { byRepository, orderText, type Group, type Order, type Row, type Sort } from "./rows";

/** So many rows at once; the others one step away. */
const STEP = 100;

const COLUMNS: readonly { sort: Sort | null; word: string; name: string }[] = [
  { sort: "health", word: "Verdict", name: "verdict" },
  { sort: "name", word: "Pipeline", name: "name" },
  { sort: null, word: "Last 20 builds", name: "strip" },
  { sort: "success", word: "Success", name: "number" },
  { sort: "p50", word: "p50", name: "number" },
  { sort: "p95", word: "p95", name: "number" },
  { sort: "flaky", word: "Flaky", name: "number" },
  { sort: null, word: "Lately", name: "lately" },
  { sort: "last", word: "Last build", name: "last" },
];

export function PipelineTable({ rows, order, isGrouped }: { rows: readonly Row[]; order: Order; isGrouped: boolean }): ReactElement {
  const [most, setMost] = useState(STEP);
  const shown = rows.slice(0, most);
  return (
    <>
      <div className="pipelines-frame">
        <table className="data pipelines-table">
          <caption className="visually-hidden">Pipelines</caption>
          <thead>
            <tr>{COLUMNS.map((column) => <Head key={column.word} column={column} order={order} />)}</tr>
          </thead>
          {isGrouped ? byRepository(shown).map((group) => <GroupBody key={`${group.provider} ${group.repository}`} group={group} />) : <tbody>{shown.map((row) => <PipelineRow key={row.pipeline.id} row={row} hasPlace />)}</tbody>}
        </table>
      </div>
      {rows.length > most && (
        <p className="pipelines-more">
          <button type="button" className="button" onClick={() => setMost(most + STEP)}>Show {Math.min(STEP, rows.length - most)} more of {rows.length}</button>
        </p>
      )}
    </>
  );
}

function Head({ column, order }: { column: (typeof COLUMNS)[number]; order: Order }): ReactElement {
  const { set } = useParameters();
  const { sort, word, name } = column;
  const className = `pipelines-${name}`;
  if (sort === null) return <th scope="col" className={className}>{word}</th>;
  const isHere = order.by === sort;
  const next: Order = { by: sort, isReversed: isHere && !order.isReversed };
  return (
    <th scope="col" className={className} aria-sort={isHere ? (order.isReversed ? "descending" : "ascending") : undefined}>
      <button type="button" className="pipelines-sort" onClick={() => set({ sort: orderText(next) })}>
        {word} {isHere && <Icon name={order.isReversed ? "up" : "down"} />}
      </button>
    </th>
  );
}

function GroupBody({ group }: { group: Group }): ReactElement {
  return (
    <tbody>
      <tr className="pipelines-group">
        <th scope="rowgroup" colSpan={COLUMNS.length}>
          <span className="row">
            <span className="foreign clip">{group.repository ?? "no repository"}</span>
            <small className="quiet">{providerName(group.provider)} · {count(group.rows.length, "pipeline")}</small>
            {group.broken > 0 && <span className="tag bad"><Icon name="cross" /> {group.broken} broken</span>}
          </span>
        </th>
      </tr>
      {group.rows.map((row) => <PipelineRow key={row.pipeline.id} row={row} hasPlace={false} />)}
    </tbody>
  );
}

/** Of the table's own shape. */
export function PipelineSkeleton(): ReactElement {
  return (
    <div className="pipelines-waits" role="status" aria-label="Loading pipelines" data-loading>
      {Array.from({ length: 8 }, (_, place) => (
        <div key={place}><span className="skeleton" /><span className="skeleton" /><span className="skeleton" /><span className="skeleton" /></div>
      ))}
    </div>
  );
}
