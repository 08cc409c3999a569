/** One pipeline: its figures, how long it takes, how far it can be trusted, and its builds. */
import { useEffect, useMemo, type ReactElement } from "react";
import { useParams } from "wouter";
import { Refused } from "~/api/request";
import type { OnePipeline, PipelineFigures } from "~/api/types";
import { useGet } from "~/api/use";
import { buildsQuery, hasOwnSpan } from "~/builds/filter";
import { BuildFilters } from "~/builds/filters";
import { BuildTable } from "~/builds/table";
import { zone } from "~/lib/time";
import { LACKING, StaleNote } from "~/shell/stale_note";
import { useScope } from "~/state/scope";
import { useParameters } from "~/state/url";
import { Panel } from "~/ui/panel";
import { Blank, Failure, Former, Loading, Older } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { BUILDS_ID, BuildsPlace, showBuilds } from "~/builds/builds_link";
import { CardSkeletons, Cards } from "../overview/cards";
import { ChartSkeleton, Durations, Outcomes } from "../overview/charts";
import { PipelineHead } from "./head";
import { Elsewhere, Percentiles, Trust } from "./panels";
import { SETTLED, onlyOf, placeOf } from "./place";
import "../overview/overview.css";
import "./pipeline.css";

export default function View(): ReactElement {
  const { id = "" } = useParams<{ id: string }>();
  return /^[1-9]\d{0,17}$/.test(id) ? <PipelineView key={id} id={Number(id)} /> : <NoPipeline />;
}

function NoPipeline(): ReactElement {
  return (
    <Blank icon="question" title="There is no such pipeline" isPage>
      The <ViewLink to="/pipelines">pipelines</ViewLink> are those there are.
    </Blank>
  );
}

function PipelineView({ id }: { id: number }): ReactElement {
  const pipeline = useGet<OnePipeline>(`/api/pipelines/${id}`, {}, { isFresh: true });
  const name = pipeline.data?.name;
  useEffect(() => {
    if (name !== undefined) document.title = `${name} · Build Observatory`;
  }, [name]);
  if (pipeline.error instanceof Refused && pipeline.error.status === 404) return <NoPipeline />;
  return (
    <BuildsPlace value={placeOf(id)}>
      <div className="overview pipeline">
        <Older of={pipeline} />
        {pipeline.data !== undefined && <PipelineHead pipeline={pipeline.data} />}
        {pipeline.data === undefined && pipeline.isError && <Failure error={pipeline.error} again={() => void pipeline.refetch()} />}
        {pipeline.isPending && <div className="panel pipeline-head"><Loading rows={3} words="Loading the pipeline" /></div>}
        <Figures id={id} name={name ?? ""} />
        <Builds id={id} />
      </div>
    </BuildsPlace>
  );
}

function Figures({ id, name }: { id: number; name: string }): ReactElement {
  const { query, frame } = useScope();
  const { since, until, bucket } = frame;
  const answer = useGet<PipelineFigures>(`/api/metrics/pipeline/${id}`, { branch: query.branch, since, until, bucket, timezone: zone() });
  const { data: figures } = answer;
  if (figures === undefined && answer.isError) return <Failure error={answer.error} again={() => void answer.refetch()} />;
  return (
    <>
      <Older of={answer} />
      {figures && <StaleNote of={figures.stale_sources} source={figures.pipeline.source_id}>{LACKING}</StaleNote>}
      <Former of={answer}>
        {figures ? <Cards overview={figures} /> : <CardSkeletons />}
        <div className="pipeline-charts">
          {figures ? <Outcomes overview={figures} /> : <ChartSkeleton title="Outcomes" />}
          {figures ? <Durations overview={figures} /> : <ChartSkeleton title="Durations" />}
        </div>
      </Former>
      <div className="pipeline-middle">
        <Former of={answer}>
          {figures ? <Trust figures={figures} /> : <Panel title="How far to trust it"><Loading rows={8} /></Panel>}
          {figures ? <Percentiles figures={figures} /> : <Panel title="How long it takes"><Loading rows={6} /></Panel>}
        </Former>
        <Elsewhere id={id} name={name} />
      </div>
    </>
  );
}

function Builds({ id }: { id: number }): ReactElement {
  const { frame } = useScope();
  const { search } = useParameters();
  const query = useMemo(() => onlyOf(buildsQuery(search, frame), id), [search, frame, id]);
  useEffect(() => {
    if (window.location.hash === `#${BUILDS_ID}`) showBuilds();
  }, []);
  return (
    <div id={BUILDS_ID} className="overview-builds">
      <Panel title="Builds" aside={hasOwnSpan(search) ? undefined : frame.words} isFlush>
        <BuildFilters query={query} fixed={SETTLED} />
        <BuildTable query={query} fixed={SETTLED} />
      </Panel>
    </div>
  );
}
