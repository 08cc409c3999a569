/** What went wrong while collecting, by source and kind. */
import type { ReactElement } from "react";
import type { Query } from "~/api/request";
import { usePages } from "~/api/use_pages";
import { whole } from "~/lib/numbers";
import { providerName } from "~/lib/provider";
import { Export } from "~/ui/export";
import { Instant } from "~/ui/instant";
import { Panel } from "~/ui/panel";
import { Blank, Failure, Former, Loading, Older } from "~/ui/states";
import { KINDS } from "./standing";
import type { CollectorError, CollectorErrors } from "./types";

export function CollectErrors({ where, since, window }: { where: Query; since: string; window: string }): ReactElement {
  const asked = { ...where, since };
  const answer = usePages<CollectorErrors>("/api/errors", { ...asked, limit: 25 });
  const errors = answer.data?.pages.flatMap((page) => page.errors);
  return (
    <Panel title="Errors of collecting" aside={`seen in the ${window}, the latest first`} actions={<Export words="errors" lists={[{ name: "errors", path: "/api/errors", query: asked }]} note="All of this window, not only those in sight." />} isFlush>
      {errors === undefined && (answer.isError ? <Failure error={answer.error} again={() => void answer.refetch()} /> : <div className="sources-waits"><Loading rows={4} /></div>)}
      <Older of={answer} />
      {errors?.length === 0 && <Blank icon="check" title="Nothing went wrong">Whatever a provider refuses, breaks off or sends garbled is counted here.</Blank>}
      {errors !== undefined && errors.length > 0 && <Former of={answer}><Table errors={errors} /></Former>}
      {answer.isFetchNextPageError && <Failure error={answer.error} again={() => void answer.fetchNextPage()} />}
      {answer.hasNextPage && !answer.isFetchNextPageError && <p className="sources-more"><button type="button" className="button" disabled={answer.isFetchingNextPage} onClick={() => void answer.fetchNextPage()}>Show more</button></p>}
    </Panel>
  );
}

function Table({ errors }: { errors: readonly CollectorError[] }): ReactElement {
  return (
    <div className="scrolls">
      <table className="data sources-errors">
        <caption className="visually-hidden">Errors of collecting</caption>
        <thead><tr><th scope="col">What</th><th scope="col">Source</th><th scope="col">The latest, in words</th><th scope="col" className="number">Times</th><th scope="col">First</th><th scope="col">Latest</th></tr></thead>
        <tbody>{errors.map((error) => <Row key={`${error.source_id} ${error.kind}`} error={error} />)}</tbody>
      </table>
    </div>
  );
}

function Row({ error }: { error: CollectorError }): ReactElement {
  return (
    <tr>
      <td><b>{KINDS[error.kind] ?? error.kind}</b></td>
      <th scope="row"><span className="foreign">{error.scope === "/" ? "everything" : error.scope}</span> <small className="quiet">{providerName(error.provider)}</small></th>
      <td className="sources-example foreign">{error.example}</td>
      <td className="number">{whole(error.count)}</td>
      <td><Instant at={error.first_seen_at} /></td>
      <td><Instant at={error.last_seen_at} /></td>
    </tr>
  );
}
