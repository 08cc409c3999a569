/** Everything at a glance: how builds do, what is broken now, and the builds themselves. */
import { useEffect, useMemo, type ReactElement } from "react";
import { useGet } from "~/api/use";
import type { Overview } from "~/api/types";
import { buildsQuery } from "~/builds/filter";
import { BuildFilters } from "~/builds/filters";
import { BuildTable } from "~/builds/table";
import { count } from "~/lib/numbers";
import { exact, zone } from "~/lib/time";
import { LACKING, StaleNote } from "~/shell/stale_note";
import { useScope } from "~/state/scope";
import { useParameters } from "~/state/url";
import { Icon } from "~/ui/icon";
import { Panel } from "~/ui/panel";
import { Failure, Former, Older } from "~/ui/states";
import { BrokenNow } from "./broken";
import { BUILDS_ID, showBuilds } from "~/builds/builds_link";
import { CardSkeletons, Cards } from "./cards";
import { ChartSkeleton, Durations, Outcomes } from "./charts";
import "./overview.css";

export default function View(): ReactElement {
  const { query, frame } = useScope();
  const { search } = useParameters();
  const overview = useGet<Overview>("/api/metrics/overview", { ...query, since: frame.since, until: frame.until, bucket: frame.bucket, timezone: zone() });
  const asked = useMemo(() => buildsQuery(search, frame), [search, frame]);
  useEffect(() => {
    if (window.location.hash === `#${BUILDS_ID}`) showBuilds();
  }, []);
  return (
    <div className="overview">
      <h1 className="visually-hidden">Overview</h1>
      {overview.data === undefined && overview.isError && <Failure error={overview.error} again={() => void overview.refetch()} />}
      <Older of={overview} />
      {overview.data && <Notes overview={overview.data} />}
      {overview.data ? <Former of={overview}><Cards overview={overview.data} /></Former> : !overview.isError && <CardSkeletons />}
      <div className="overview-middle">
        <Former of={overview}>
          {overview.data ? <Outcomes overview={overview.data} /> : <ChartSkeleton title="Outcomes" />}
          {overview.data ? <Durations overview={overview.data} /> : <ChartSkeleton title="Durations" />}
        </Former>
        <BrokenNow query={query} />
      </div>
      <div id={BUILDS_ID} className="overview-builds">
        <Panel title="Builds" aside={search.has("from") ? undefined : frame.words} isFlush>
          <BuildFilters query={asked} />
          <BuildTable query={asked} />
        </Panel>
      </div>
    </div>
  );
}

/** Why the figures may be of less than was asked for. */
function Notes({ overview }: { overview: Overview }): ReactElement {
  const isPart = overview.counting > 0 || overview.window.is_cut;
  return (
    <>
      <StaleNote of={overview.stale_sources}>{LACKING}</StaleNote>
      {isPart && (
        <p className="notice tone-late" role="status">
          <Icon name="info" />
          <span>
            {overview.counting > 0 && `Builds of ${count(overview.counting, "pipeline")} on record are still being counted after an upgrade: figures lack them so far. `}
            {overview.window.is_cut && `Of a branch only the newest 20,000 builds are counted: the figures begin at ${exact(overview.window.since)}.`}
          </span>
        </p>
      )}
    </>
  );
}
