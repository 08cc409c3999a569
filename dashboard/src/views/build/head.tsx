/** What build this is, how it stands, who and what caused it, and how long it took against what is usual. */
import type { ReactElement, ReactNode } from "react";
import type { OneBuild } from "~/api/types";
import { count } from "~/lib/numbers";
import { installationName, providerName } from "~/lib/provider";
import { duration } from "~/lib/time";
import { StaleNote } from "~/shell/stale_note";
import { CommitPage } from "~/ui/commit_page";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Menu } from "~/ui/menu";
import { Outside, isSafe } from "~/ui/outside";
import { StatusPill } from "~/ui/pill";
import { ViewLink } from "~/ui/view_link";
import { CANCELLED } from "./attempts";
import type { RelatedBuild } from "./types";
import { againstUsual, secondsSoFar, type Compared, type Usual } from "./usual";

export function BuildHead({ build, usual, now }: { build: OneBuild; usual: Usual | null; now: number }): ReactElement {
  const [title, ...rest] = (build.commit_message ?? "").trim().split("\n");
  return (
    <header className="panel build-head">
      <div className="row wrap">
        <StatusPill status={build.status} isStale={build.stale_since !== null} />
        <h1>
          <ViewLink to={`/pipelines/${build.pipeline_id}`} className="foreign">{build.pipeline_name}</ViewLink>
          {build.number !== null && <span className="quiet"> #{build.number}</span>}
        </h1>
        {build.is_unstable && <span className="tag late">{build.status === "failed" ? "Unstable" : "With warnings"}</span>}
        {isSafe(build.web_url) && (
          <a className="button push" href={build.web_url} target="_blank" rel="noreferrer noopener">
            Open at {providerName(build.provider)} <Icon name="link" />
          </a>
        )}
      </div>
      <StaleNote of={build.stale_sources} source={build.pipeline.source_id}>its status may have changed since</StaleNote>
      {title !== undefined && title !== "" && <Message title={title} rest={rest.join("\n").trim()} />}
      <Facts build={build} />
      <Durations build={build} usual={usual} now={now} />
      <Family build={build} />
    </header>
  );
}

function Message({ title, rest }: { title: string; rest: string }): ReactElement {
  if (rest === "") return <p className="build-message foreign">{title}</p>;
  return (
    <details className="build-message">
      <summary className="foreign">{title}</summary>
      <pre className="foreign">{rest}</pre>
    </details>
  );
}

function Facts({ build }: { build: OneBuild }): ReactElement {
  const { repository, branch, commit_sha: sha, author, event } = build;
  return (
    <ul className="build-facts">
      {repository !== null && (
        <li><Icon name="layers" words="Repository" /><ViewLink to="/" also={{ repository }} className="foreign">{repository}</ViewLink></li>
      )}
      {branch !== null && (
        <li><Icon name="branch" words="Branch" /><ViewLink to="/" also={{ repository, branch }} className="foreign">{branch}</ViewLink></li>
      )}
      {sha !== null && (
        <li>
          <Icon name="commit" words="Commit" />
          <ViewLink to="/" also={{ commit_sha: sha, from: "ever" }} title={`Every build of ${sha}`}><code>{sha.slice(0, 7)}</code></ViewLink>
          <CommitPage build={build} sha={sha} />
        </li>
      )}
      {author !== null && <li><Icon name="person" words="Author" /><ViewLink to="/" also={{ author }} className="foreign">{author}</ViewLink></li>}
      {event !== null && <li><Icon name="pulse" words="Caused by" /><span className="foreign">{event.replaceAll("_", " ")}</span></li>}
      <li><Icon name="clock" words="Queued" /><Instant at={build.queued_at} /></li>
      <li className="quiet"><span><span className="foreign">{installationName(build)}</span> says: <span className="foreign">{build.raw_status}</span></span></li>
    </ul>
  );
}

function Durations({ build, usual, now }: { build: OneBuild; usual: Usual | null; now: number }): ReactElement {
  const seconds = secondsSoFar(build, now);
  const reason = build.attempts.find((one) => one.number === build.attempt)?.cancel_reason;
  const compared = usual === null || seconds === null ? null : againstUsual(seconds, usual, build.status);
  const isRunning = build.status === "running" && build.stale_since === null;
  const ofUsual = usual === null || seconds === null || usual.p50 === 0 ? null : seconds / usual.p50;
  return (
    <dl className="build-figures">
      <Figure name={isRunning ? "Running for" : "Duration"} value={duration(seconds)}>
        {isRunning && ofUsual !== null && <Progress share={ofUsual} words={`of the usual ${duration(usual?.p50)}`} />}
        {isRunning && ofUsual === null && build.progress !== null && <Progress share={build.progress} words="of what the provider expects" />}
        {!isRunning && compared !== null && <AgainstUsual compared={compared} />}
      </Figure>
      {usual !== null && (
        <Figure name="Usually" value={duration(usual.p50)}>
          <Menu className="build-explain" label={<>up to {duration(usual.p95)} <Icon name="info" /></>} words={`up to ${duration(usual.p95)}: what usual means`}>
            <p className="build-explained">
              Half of the {count(usual.builds, "build")} of this pipeline that succeeded in the last 30 days took {duration(usual.p50)} or less,
              95 of 100 took {duration(usual.p95)} or less.
            </p>
            <ViewLink to={`/pipelines/${build.pipeline_id}`} className="choice">The pipeline’s figures</ViewLink>
          </Menu>
        </Figure>
      )}
      <Figure name="Waited for a runner" value={duration(build.queued_seconds)} />
      <Figure name="Began" value={<Instant at={build.started_at} none="not yet" />} />
      <Figure name="Ended" value={<Instant at={build.finished_at} none={build.started_at === null ? "–" : "not yet"} />} />
      {build.status === "cancelled" && <Figure name="Why cancelled" value={CANCELLED[reason ?? ""] ?? "The provider does not tell."} />}
    </dl>
  );
}

function AgainstUsual({ compared: { tone, words } }: { compared: Compared }): ReactElement {
  return tone === "late" ? <span className="build-late"><Icon name="clock" /> {words}</span> : <span className="quiet">{words}</span>;
}

function Figure({ name, value, children }: { name: string; value: ReactNode; children?: ReactNode }): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
      {children ? <dd className="build-aside">{children}</dd> : null}
    </div>
  );
}

function Progress({ share, words }: { share: number; words: string }): ReactElement {
  const percent = Math.min(99, Math.round(share * 100));
  return (
    <span className="build-progress">
      <progress max={100} value={percent} aria-label="Progress" /> {share > 1 ? "longer than usual" : `${percent} % ${words}`}
    </span>
  );
}

/** What started it, and what it started. */
function Family({ build }: { build: OneBuild }): ReactElement | null {
  if (build.parent === null && build.children.length === 0) return null;
  return (
    <div className="build-family">
      {build.parent !== null && <div className="row wrap"><span className="quiet">Started by</span><Relative of={build.parent} /></div>}
      {build.children.length > 0 && (
        <div className="row wrap">
          <span className="quiet">Started</span>
          {build.children.map((child) => <Relative key={child.external_id} of={child} />)}
        </div>
      )}
    </div>
  );
}

function Relative({ of }: { of: RelatedBuild }): ReactElement {
  const name = <span className="foreign">{of.pipeline_name ?? `build ${of.external_id}`}</span>;
  return (
    <span className="build-relative">
      {of.id !== null && <StatusPill status={of.status} isBare />}
      {of.id === null ? <>{name} <small className="quiet">not recorded here</small></> : <ViewLink to={`/builds/${of.id}`}>{name}</ViewLink>}
      <Outside url={of.web_url} words="Open at the provider" />
    </span>
  );
}
