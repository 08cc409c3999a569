/** One build: what it came to, why, who was told, and what it printed. */
import { useEffect, useRef, type ReactElement } from "react";
import { useParams } from "wouter";
import type { Durations, OneBuild } from "~/api/types";
import { useGet } from "~/api/use";
import { useDecisions } from "~/api/use_decisions";
import { OPEN } from "~/lib/status";
import { useShortcuts } from "~/state/keys";
import { useParameters } from "~/state/url";
import { Panel } from "~/ui/panel";
import { Answered, Blank, Failure, Loading, Older } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { Refused } from "~/api/request";
import { AttemptsPanel } from "./attempts_panel";
import { BuildHead } from "./head";
import { LogPanel } from "./log_panel";
import { ChangesPanel, IncidentPanel, ToldPanel, TrailPanel } from "./side";
import { TimelinePanel } from "./timeline_panel";
import { completing } from "./trail";
import { ALL, useRead } from "./use_read";
import { useBuild, type WholeBuild } from "./use_build";
import { useSeconds } from "./use_seconds";
import type { Usual } from "./usual";
import "./build.css";

export default function View(): ReactElement {
  const { id = "" } = useParams<{ id: string }>();
  const number = /^[1-9]\d{0,17}$/.test(id) ? Number(id) : null;
  return number === null ? <NoBuild /> : <BuildView key={number} id={number} />;
}

function NoBuild(): ReactElement {
  return (
    <Blank icon="question" title="There is no such build" isPage>
      It may be older than what is kept. The <ViewLink to="/">overview</ViewLink> has those there are.
    </Blank>
  );
}

function BuildView({ id }: { id: number }): ReactElement {
  const whole = useBuild(id);
  const { build } = whole;
  if (build.data !== undefined) return <><Older of={build} /><Loaded build={build.data} whole={whole} /></>;
  if (build.isError && build.error instanceof Refused && build.error.status === 404) return <NoBuild />;
  if (build.isError) return <Failure error={build.error} again={() => void build.refetch()} />;
  return <Shape />;
}

function Loaded({ build, whole }: { build: OneBuild; whole: WholeBuild }): ReactElement {
  const { get, set } = useParameters();
  const log = useRef<HTMLElement>(null);
  const isOpen = OPEN.has(build.status) && build.stale_since === null;
  const now = useSeconds(isOpen);
  const usual = useUsual(build.pipeline_id);
  const asked = Number(get("attempt"));
  const attempt = build.attempts.find((one) => one.number === asked) ?? build.attempts.find((one) => one.number === build.attempt);
  const number = attempt?.number ?? build.attempt;
  const jobs = whole.jobs.data ?? [];
  const shown = jobs.filter((job) => job.attempt === number);
  const events = whole.events.data ?? [];
  const isAttemptOpen = isOpen && number === build.attempt;
  const { data: decisions } = useDecisions(isAttemptOpen ? null : (completing(events, number)?.pos ?? null));
  const isComparing = get("compare") !== null;
  const show = (one: number): void => set({ attempt: one === build.attempt ? null : String(one), job: null, find: null });
  const toLog = (): void => log.current?.scrollIntoView({ block: "start" });
  const choose = (next: number | null): void => set({ job: next === null ? ALL : String(next), find: null });
  const toRead = (next: number): void => {
    choose(next);
    toLog();
  };
  const job = useRead(number, shown, build.provider);
  useTitle(build);
  useShortcuts([
    ...build.attempts.slice(0, 9).map(({ number: one }) => ({ keys: [String(one)], words: `Attempt ${one}`, group: "Build", run: () => show(one) })),
    { keys: ["l"], words: "Go to the log", group: "Build", run: toLog },
  ]);
  return (
    <div className="build">
      <BuildHead build={build} usual={usual} now={now} />
      <div className="build-main">
        {build.attempts.length > 1 && (
          <AttemptsPanel
            attempts={build.attempts}
            jobs={jobs}
            shown={number}
            show={show}
            isComparing={isComparing}
            compare={() => set({ compare: isComparing ? null : "yes" })}
          />
        )}
        <Older of={whole.jobs} />
        {whole.jobs.data === undefined ? <Panel title="Jobs"><Answered of={whole.jobs}>{() => null}</Answered></Panel> : (
          <TimelinePanel
            jobs={shown}
            isOpen={isAttemptOpen}
            began={attempt?.started_at ?? null}
            now={now}
            read={job}
            toRead={build.provider === "jenkins" ? null : toRead}
          />
        )}
        {!whole.jobs.isPending && (
          <LogPanel
            ref={log}
            build={build}
            attempt={number}
            status={attempt?.status ?? build.status}
            jobs={shown}
            job={job}
            choose={choose}
            isOpen={isAttemptOpen}
          />
        )}
      </div>
      <aside className="build-side">
        {decisions?.incident_id != null && <IncidentPanel id={decisions.incident_id} build={build.id} />}
        {decisions !== undefined && <ToldPanel decisions={decisions} />}
        <ChangesPanel build={build} />
        {whole.events.data !== undefined && <TrailPanel events={events} />}
      </aside>
    </div>
  );
}

function useUsual(pipeline: number): Usual | null {
  const durations = useGet<Durations>("/api/pipelines/durations", { pipeline_id: pipeline }, { isFresh: true });
  const found = durations.data?.pipelines.find((one) => one.pipeline_id === pipeline);
  if (found === undefined || found.p50_seconds === null) return null;
  return { p50: found.p50_seconds, p95: found.p95_seconds, builds: found.builds };
}

function useTitle(build: OneBuild): void {
  const name = `${build.pipeline_name}${build.number === null ? "" : ` #${build.number}`}`;
  useEffect(() => {
    document.title = `${name} · Build Observatory`;
  }, [name]);
}

/** What is there before the build is. */
function Shape(): ReactElement {
  return (
    <div className="build">
      <div className="panel build-head"><Loading rows={4} words="Loading the build" /></div>
      <div className="build-main">
        <Panel title="Jobs"><Loading rows={4} /></Panel>
        <Panel title="Log"><Loading rows={9} /></Panel>
      </div>
      <aside className="build-side"><Panel title="Changes"><Loading rows={3} /></Panel></aside>
    </div>
  );
}
