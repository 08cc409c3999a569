/** Everything at a glance: how builds do, what is broken now, and the builds themselves. */
import { useEffect, useMemo, type ReactElement } from "react";
import type { QueryClient } from "@tanstack/react-query";
import { question } from "~/api/use";
import { BUILDS_ID, showBuilds } from "~/builds/builds_link";
import { buildsQuery, hasOwnSpan } from "~/builds/filter";
import { BuildFilters } from "~/builds/filters";
import { Listing } from "~/builds/listing";
import { BuildTable } from "~/builds/table";
import { scopeNow, useScope } from "~/state/scope";
import { useParameters } from "~/state/url";
import { Panel } from "~/ui/panel";
import { Failure, Former, Older } from "~/ui/states";
import { openQuestion } from "~/views/incident/use_open";
import { BrokenNow, brokenQuery } from "./broken";
import { CardSkeletons, Cards } from "./cards";
import { ChartSkeleton, Durations, Outcomes } from "./charts";
import { Notes } from "./notes";
import { OVERVIEW, overviewQuery, useOverview } from "./use_overview";
import "./overview.css";

export function ask(client: QueryClient, search: URLSearchParams): void {
  const scope = scopeNow(search);
  void client.prefetchQuery(question(OVERVIEW, overviewQuery(scope)));
  void client.prefetchQuery(question("/api/builds", Listing.headOf(buildsQuery(search, scope.frame))));
  void client.prefetchQuery(openQuestion(brokenQuery(scope.query, search)));
}

export default function View(): ReactElement {
  const { query, frame } = useScope();
  const { search } = useParameters();
  const overview = useOverview();
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
        <Panel title="Builds" aside={hasOwnSpan(search) ? undefined : frame.words} isFlush>
          <BuildFilters query={asked} />
          <BuildTable query={asked} />
        </Panel>
      </div>
    </div>
  );
}
