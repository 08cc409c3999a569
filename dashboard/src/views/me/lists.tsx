/** Short lists of builds: what runs for me, what waits for somebody's word, which of my branches are broken. */
import type { ReactElement, ReactNode } from "react";
import type { Build } from "~/api/types";
import { providerName } from "~/lib/provider";
import type { Reasons } from "~/shell/stale";
import { STALE_ROW, StaleMark } from "~/shell/stale_mark";
import { Instant } from "~/ui/instant";
import { Outside } from "~/ui/outside";
import { StatusPill } from "~/ui/pill";
import { ViewLink } from "~/ui/view_link";
import { Missing } from "./missing";

interface ListProps {
  builds: readonly Build[] | undefined;
  error: unknown;
  again: () => void;
  /** Of which pipelines builds may be older than they look, and why. */
  stale: Reasons;
  none: string;
  aside?: (build: Build) => ReactNode;
}

export function Short({ builds, error, again, stale, none, aside }: ListProps): ReactElement {
  if (builds === undefined) return <Missing error={error} again={again} rows={3} />;
  if (builds.length === 0) return <p className="me-pad quiet">{none}</p>;
  return <ul className="me-list">{builds.map((build) => <Line key={build.id} build={build} stale={stale.get(build.pipeline_id)}>{aside?.(build)}</Line>)}</ul>;
}

function Line({ build, stale, children }: { build: Build; stale: string | undefined; children: ReactNode }): ReactElement {
  const where = [build.repository === build.pipeline_name ? null : build.repository, build.branch].filter(Boolean).join(" · ");
  return (
    <li className={stale === undefined ? "me-line" : `me-line ${STALE_ROW}`}>
      <StatusPill status={build.status} isStale={build.stale_since !== null} />
      <span className="me-what">
        <span className="me-title">
          <ViewLink to={`/builds/${build.id}`} className="foreign clip" title={build.pipeline_name}>{build.pipeline_name}</ViewLink>
          {build.number !== null && <span className="quiet">#{build.number}</span>}
          <StaleMark reason={stale} />
        </span>
        <small className="quiet foreign clip" title={where}>{where || providerName(build.provider)}</small>
      </span>
      <span className="me-when quiet">{children ?? <Instant at={build.started_at ?? build.queued_at} />}</span>
      <Outside url={build.web_url} words={`Open at ${providerName(build.provider)}`} />
    </li>
  );
}
