/** One pipeline in the table. */
import { memo, type ReactElement, type ReactNode } from "react";
import { Strip } from "~/charts/strip";
import { percent, whole } from "~/lib/numbers";
import { providerName } from "~/lib/provider";
import { duration } from "~/lib/time";
import { STALE_ROW, StaleMark } from "~/shell/stale_mark";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Menu } from "~/ui/menu";
import { StatusPill } from "~/ui/pill";
import { ViewLink } from "~/ui/view_link";
import { BuildsLink } from "~/builds/builds_link";
import type { Row } from "./rows";

const TIMED = "&status=failed,succeeded,timed_out&has_duration=true";

export const PipelineRow = memo(function PipelineRow({ row, hasPlace }: { row: Row; hasPlace: boolean }): ReactElement {
  const { pipeline, figures } = row;
  const link = figures?.link ?? undefined;
  const { last_build: last } = pipeline;
  const flaky = row.flaky ?? figures?.flaky;
  return (
    <tr data-pipeline={pipeline.id} className={row.staleReason === undefined ? undefined : STALE_ROW}>
      <td className="pipelines-verdict">
        {pipeline.health.verdict === null
          ? <span className="pill tone-none"><Icon name="dots" /> No verdict</span>
          : <StatusPill status={pipeline.health.verdict} />}
      </td>
      <th scope="row" className="pipelines-name"><Name row={row} hasPlace={hasPlace} /></th>
      <td className="pipelines-strip"><Strip bars={row.bars} name={pipeline.name} /></td>
      <Figure
        link={link && `${link}&status=succeeded`}
        title={figures && `${whole(figures.counts.succeeded ?? 0)} of ${whole(figures.verdicts)} builds with a verdict`}
      >
        {figures?.success_rate == null ? null : percent(figures.success_rate)}
      </Figure>
      <Figure link={link && `${link}${TIMED}`} title="Half of the builds took at most so long">
        {figures?.duration_seconds.p50 == null ? null : duration(figures.duration_seconds.p50)}
      </Figure>
      <Figure link={link && `${link}${TIMED}`} title="19 of 20 builds took at most so long">
        {figures?.duration_seconds.p95 == null ? null : duration(figures.duration_seconds.p95)}
      </Figure>
      <Figure
        link={row.flaky?.link}
        title={flaky && `${whole(flaky.builds)} of ${whole(flaky.verdicts)} builds; 95 % sure: ${percent(flaky.lower)} to ${percent(flaky.upper)}`}
      >
        {flaky?.rate == null ? null : percent(flaky.rate)}
      </Figure>
      <td className="pipelines-lately"><Lately row={row} /></td>
      <td className="pipelines-last">
        {last === null
          ? <span className="quiet">–</span>
          : <ViewLink to={`/builds/${last.id}`} className="pipelines-quiet"><Instant at={last.queued_at} /></ViewLink>}
      </td>
    </tr>
  );
});

function Name({ row, hasPlace }: { row: Row; hasPlace: boolean }): ReactElement {
  const { pipeline, figures } = row;
  const provider = providerName(pipeline.provider);
  const place = pipeline.repository === null || pipeline.repository === pipeline.name ? provider : `${pipeline.repository} · ${provider}`;
  return (
    <>
      <ViewLink to={`/pipelines/${pipeline.id}`} className="pipelines-open foreign clip" title={pipeline.name}>{pipeline.name}</ViewLink>
      {hasPlace && <small className="quiet foreign clip" title={place}>{place}</small>}
      <StaleMark reason={row.staleReason} />
      <small className="pipelines-brief quiet">
        {percent(figures?.success_rate)} · {duration(figures?.duration_seconds.p50)}
        {pipeline.last_build !== null && <span className="pipelines-age"> · <Instant at={pipeline.last_build.queued_at} /></span>}
      </small>
    </>
  );
}

interface FigureProps {
  link: string | undefined;
  title: string | undefined;
  /** Null where there is none. */
  children: ReactNode;
}

function Figure({ link, title, children }: FigureProps): ReactElement {
  return (
    <td className="pipelines-number number" title={title}>
      {children === null ? <span className="quiet">–</span> : <BuildsLink link={link} className="pipelines-quiet">{children}</BuildsLink>}
    </td>
  );
}

/** Whether it became slower, for certain; the words behind it one step away. */
function Lately({ row }: { row: Row }): ReactElement {
  const { slower } = row;
  if (slower === undefined) return <span className="quiet">–</span>;
  const label = slower.growth === null ? "slower" : `${(slower.growth * 100).toFixed(0)} % slower`;
  return (
    <Menu label={<><Icon name="up" /> {label}</>} className="tag late pipelines-slower">
      <div className="pipelines-words">
        <p className="foreign">{slower.words}</p>
        <p className="row">
          <BuildsLink link={slower.link}>Builds now</BuildsLink>
          <BuildsLink link={slower.link_before}>Builds before</BuildsLink>
        </p>
      </div>
    </Menu>
  );
}
