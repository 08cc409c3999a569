/** What stands in each column of a build. */
import type { ReactElement, ReactNode } from "react";
import type { Build, Duration as Typical } from "~/api/types";
import { providerName } from "~/lib/provider";
import { duration, exact } from "~/lib/time";
import { StaleMark } from "~/shell/stale_mark";
import { useNow } from "~/state/now";
import { Instant } from "~/ui/instant";
import { Outside } from "~/ui/outside";
import { StatusPill } from "~/ui/pill";
import type { Column } from "./columns";
import { compared } from "./usual";

interface CellProps {
  build: Build;
  usual: Typical | undefined;
  /** Why it may be older than it looks. */
  stale: string | undefined;
  /** What links keep of the address. */
  kept: string;
}

export const CELLS: Readonly<Record<Column, (props: CellProps) => ReactNode>> = {
  status: ({ build }) => <StatusPill status={build.status} isStale={build.stale_since !== null} />,
  pipeline: ({ build, stale, kept }) => <Name build={build} stale={stale} kept={kept} />,
  branch: ({ build }) => <Foreign text={build.branch} />,
  commit: ({ build }) => <Commit build={build} />,
  author: ({ build }) => <Foreign text={build.author} />,
  event: ({ build }) => <Foreign text={build.event} />,
  waited: ({ build }) => <span className="number">{duration(build.queued_seconds)}</span>,
  duration: ({ build, usual }) => <Duration build={build} usual={usual} />,
  started: ({ build }) => <Started build={build} />,
  link: ({ build }) => <Outside isOfRow url={build.web_url} words={`Open at ${providerName(build.provider)}`} />,
};

/** The link covers its whole row, so that a click anywhere opens the build. */
export function Name({ build, stale, kept }: Pick<CellProps, "build" | "stale" | "kept">): ReactElement {
  const place = placeOf(build);
  return (
    <>
      <span className="builds-name">
        <a href={`/builds/${build.id}${kept}`} className="builds-open foreign" title={build.pipeline_name} tabIndex={-1}>{build.pipeline_name}</a>
        {build.number !== null && <span className="quiet"> #{build.number}</span>}
        {build.attempt > 1 && <span className="quiet"> · attempt {build.attempt}</span>}
        {stale !== undefined && <> <StaleMark reason={stale} /></>}
      </span>
      <small className="quiet clip foreign" title={place}>{place}</small>
    </>
  );
}

/** The repository, unless the pipeline is called the same; the provider says where that is. */
function placeOf(build: Build): string {
  const provider = providerName(build.provider);
  const where = build.instance === build.provider ? provider : `${provider} ${build.instance}`;
  return build.repository === null || build.repository === build.pipeline_name ? where : `${build.repository} · ${where}`;
}

export function Commit({ build }: { build: Build }): ReactElement {
  const message = build.commit_message?.split("\n", 1)[0] ?? "";
  if (build.commit_sha === null) return <span className="quiet">–</span>;
  return (
    <span title={build.commit_message ?? undefined}>
      <code className="quiet">{build.commit_sha.slice(0, 7)}</code> <span className="foreign">{message}</span>
    </span>
  );
}

export function Foreign({ text }: { text: string | null }): ReactElement {
  return text === null ? <span className="quiet">–</span> : <span className="foreign" title={text}>{text}</span>;
}

export function Started({ build }: { build: Build }): ReactElement {
  if (build.started_at !== null) return <Instant at={build.started_at} />;
  return <span className="quiet" title={`Queued ${exact(build.queued_at)}; not started`}><Instant at={build.queued_at} /></span>;
}

/** How long it took, or takes so far; beside what its pipeline usually takes, which is the mark in the middle of the bar. */
export function Duration({ build, usual }: Pick<CellProps, "build" | "usual">): ReactElement {
  const isRunning = build.status === "running" && build.finished_at === null && build.stale_since === null;
  const now = useNow();
  const seconds = isRunning && build.started_at !== null ? Math.max(0, (now - Date.parse(build.started_at)) / 1000) : build.duration_seconds;
  const comparison = compared(seconds, usual, build.status ?? "unknown", isRunning);
  const words = comparison === null ? undefined : `${duration(seconds)}, ${comparison.explained} (${duration(usual?.p50_seconds)})`;
  return (
    <span className={comparison?.word ? "builds-took builds-worded" : "builds-took"} title={words}>
      <span className="number">{duration(isRunning && seconds !== null ? Math.round(seconds) : seconds)}</span>
      {comparison !== null && (
        <>
          <span className={`builds-usual tone-${comparison.tone}`} aria-hidden="true"><span style={{ inlineSize: `${comparison.share * 100}%` }} /></span>
          {comparison.word !== null && <small className={comparison.tone === "late" ? "builds-times tone-late" : "builds-times quiet"}>{comparison.word} usual</small>}
          <span className="visually-hidden">{comparison.explained}</span>
        </>
      )}
    </span>
  );
}
