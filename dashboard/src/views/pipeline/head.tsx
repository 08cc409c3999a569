/** Which pipeline it is and how it stands. */
import type { ReactElement } from "react";
import type { OnePipeline } from "~/api/types";
import { Strip } from "~/charts/strip";
import { stripBars } from "~/charts/strip_bars";
import { installationName, providerName } from "~/lib/provider";
import { duration } from "~/lib/time";
import { Icon } from "~/ui/icon";
import { Outside } from "~/ui/outside";
import { StatusPill } from "~/ui/pill";
import { ViewLink } from "~/ui/view_link";

export function PipelineHead({ pipeline }: { pipeline: OnePipeline }): ReactElement {
  const provider = providerName(pipeline.provider);
  const { health } = pipeline;
  const verdicts = health.succeeded + health.failed + health.timed_out;
  const stale = pipeline.stale_sources.find((source) => source.id === pipeline.source_id);
  return (
    <header className="panel pipeline-head">
      <div className="pipeline-who">
        <p className="pipeline-trail quiet">
          <ViewLink to="/pipelines">Pipelines</ViewLink> <span aria-hidden="true">/</span> <span className="foreign">{pipeline.repository ?? provider}</span>
        </p>
        <h1 className="foreign">{pipeline.name} <Outside url={pipeline.url} words={`Open at ${provider}`} /></h1>
        <ul className="pipeline-facts">
          <li>
            {health.verdict === null ? <span className="pill tone-none"><Icon name="dots" /> No verdict</span> : <StatusPill status={health.verdict} />}
            {pipeline.default_branch !== null && <span className="quiet">on <span className="foreign">{pipeline.default_branch}</span></span>}
          </li>
          <li className="quiet foreign">{installationName(pipeline)}</li>
          {pipeline.project !== "default" && <li className="quiet">project <span className="foreign">{pipeline.project}</span></li>}
          {stale !== undefined && <li><span className="tag late" title={stale.reason}><Icon name="clock" /> stale</span> <span className="quiet foreign">{stale.reason}</span></li>}
        </ul>
      </div>
      <figure className="pipeline-strip">
        <Strip bars={stripBars(pipeline)} name={pipeline.name} />
        <figcaption className="quiet">
          {verdicts === 0 ? "no verdict yet" : `${health.succeeded} of the last ${verdicts} verdicts are good`} · usually {duration(pipeline.usual_seconds)}
        </figcaption>
      </figure>
    </header>
  );
}
