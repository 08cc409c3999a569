/** What my builds usually take, beside what everybody's take in the same pipeline. */
import { useMemo, type ReactElement } from "react";
import { useUsual } from "~/builds/usual";
import { count } from "~/lib/numbers";
import { duration } from "~/lib/time";
import { Panel } from "~/ui/panel";
import { ViewLink } from "~/ui/view_link";
import { ownDurations, type Own } from "./durations";
import { Missing } from "./missing";
import type { Newest } from "./use_mine";

export function UsualDurations({ mine, author }: { mine: Newest; author: string }): ReactElement {
  const own = useMemo(() => mine.builds && ownDurations(mine.builds), [mine.builds]);
  const usual = useUsual(useMemo(() => own?.map(({ pipeline_id: id }) => id).toSorted((one, other) => one - other) ?? [], [own]));
  return (
    <Panel title="Usual durations" aside="median of what succeeded" isFlush>
      {own === undefined && <Missing error={mine.error} again={mine.again} rows={4} />}
      {own?.length === 0 && <p className="me-pad quiet">Once three of your builds have passed in a pipeline, it is shown here.</p>}
      {own !== undefined && own.length > 0 && (
        <table className="data me-usual">
          <thead><tr><th scope="col">Pipeline</th><th scope="col" className="number">Yours</th><th scope="col" className="number">All</th></tr></thead>
          <tbody>{own.map((one) => <Row key={one.pipeline_id} own={one} all={usual.get(one.pipeline_id)?.p50_seconds ?? null} author={author} />)}</tbody>
        </table>
      )}
      {own !== undefined && own.length > 0 && <p className="me-pad quiet me-formula">Yours: of your newest 100 builds. All: of the pipeline’s builds of the last 30 days.</p>}
    </Panel>
  );
}

function Row({ own, all, author }: { own: Own; all: number | null; author: string }): ReactElement {
  const id = String(own.pipeline_id);
  return (
    <tr>
      <td>
        <ViewLink to={`/pipelines/${id}`} className="foreign clip me-block" title={own.name}>{own.name}</ViewLink>
        {own.repository !== own.name && <small className="quiet foreign clip me-block" title={own.repository ?? undefined}>{own.repository}</small>}
      </td>
      <td className="number">
        <ViewLink to="/" also={{ pipeline_id: id, author, status: "succeeded", from: "ever" }} title={`Of ${count(own.builds, "build")}`}>{duration(own.median)}</ViewLink>
      </td>
      <td className="number quiet">{duration(all)}</td>
    </tr>
  );
}
