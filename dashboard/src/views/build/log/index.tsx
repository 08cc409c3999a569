/** The log of one job, or of all jobs of an attempt: as the provider has it, now. */
import { useRef, useState, type ReactElement, type ReactNode } from "react";
import { count } from "~/lib/numbers";
import { flagOr, usePreference } from "~/state/preferences";
import { useShortcuts } from "~/state/keys";
import { useParameters } from "~/state/url";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Blank, Loading } from "~/ui/states";
import { LogLine } from "./line";
import type { LogState } from "./reader";
import { LogRows } from "./rows";
import { lastBefore, nextAfter } from "./search";
import { LogToolbar } from "./toolbar";
import { useLog } from "./use_log";
import { useSearch } from "./use_search";
import { useFirstSight, useLinkedLine, useLogView } from "./use_view";
import "./log.css";

interface Props {
  build: number;
  attempt: number;
  job: number | null;
  /** Several jobs' logs one after another. */
  hasJobs: boolean;
  /** More may come. */
  isOpen: boolean;
  /** It failed: the first error is what one wants to see. */
  isBroken: boolean;
}

type Download = Pick<Props, "build" | "attempt" | "job">;

/** About how wide a screen is, to guess how many rows wrapped lines take. */
const COLUMNS = 140;
const GROUP = "Log";

export function Log({ build, attempt, job, hasJobs, isOpen, isBroken }: Props): ReactElement {
  const { state, again } = useLog(build, attempt, job, hasJobs, isOpen);
  if (state.phase !== "read" && state.text.count === 0) return <NoLines state={state} again={again} isOpen={isOpen} />;
  if (state.text.count === 0) return <Blank icon="list" title={state.isComplete ? "It printed nothing" : "Nothing was printed yet"} />;
  return <Lines key={`${build} ${attempt} ${job}`} state={state} again={again} isOpen={isOpen} isBroken={isBroken} download={{ build, attempt, job }} />;
}

interface LinesProps {
  state: LogState;
  again: () => void;
  isOpen: boolean;
  isBroken: boolean;
  download: Download;
}

function Lines({ state, again, isOpen, isBroken, download }: LinesProps): ReactElement {
  const { get, set } = useParameters();
  const view = useLogView(state);
  const [words, setWords] = useState(get("find") ?? "");
  const [current, setCurrent] = useState(-1);
  const [isFollowing, setIsFollowing] = useState(false);
  const [isWrapped, setIsWrapped] = usePreference("log.wrap", flagOr(false));
  const [hasTimes, setHasTimes] = usePreference("log.times", flagOr(false));
  const field = useRef<HTMLInputElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const linked = useLinkedLine();
  const { text } = state;
  const isOver = state.phase === "read" || state.phase === "stopped";
  const found = useSearch(text, text.count, words);
  const first = isBroken && isOver ? (text.errors[0] ?? null) : null;
  useFirstSight(linked ?? first, text.count, isOver, view.show);

  /** Whoever asks for a line wants to see it, wherever the page stands. */
  const bringIntoSight = (): void => frame.current?.scrollIntoView({ block: "nearest" });
  const goTo = (line: number | undefined): void => {
    if (line === undefined) return;
    bringIntoSight();
    setIsFollowing(false);
    setCurrent(line);
    view.show(line);
  };
  const stepIn = (lines: readonly number[], by: 1 | -1): void => goTo(lines[by > 0 ? nextAfter(lines, current) : lastBefore(lines, current)]);
  const change = (next: string): void => {
    setWords(next);
    setCurrent(-1);
    if (next === "") set({ find: null }, { replace: true });
  };
  const step = (by: 1 | -1): void => {
    stepIn(found.lines, by);
    if (words !== get("find")) set({ find: words }, { replace: true });
  };
  const follow = (): void => {
    const isWanted = !isFollowing && !state.isComplete;
    if (isWanted) bringIntoSight();
    setIsFollowing(isWanted);
  };
  const toError = (by: 1 | -1): void => stepIn(text.errors, by);
  useShortcuts([
    { keys: ["f"], words: "Follow the end of the log", group: GROUP, run: follow },
    { keys: ["/", "Ctrl+f"], words: "Search the log", group: GROUP, run: () => field.current?.select() },
    { keys: ["n"], words: "Next line found", group: GROUP, run: () => step(1) },
    { keys: ["N"], words: "Line found before", group: GROUP, run: () => step(-1) },
    { keys: ["e"], words: "First error, next error", group: GROUP, run: () => toError(1) },
    { keys: ["E"], words: "Error before", group: GROUP, run: () => toError(-1) },
    { keys: ["w"], words: "Wrap long lines", group: GROUP, run: () => setIsWrapped(!isWrapped) },
  ]);

  const stamped = /^\uFEFF?\d{4}-\d\d-\d\dT/.test(text.line(0)) || /^\d{4}-\d\d-\d\dT/.test(text.line(1));
  const render = (row: number): ReactNode => {
    const line = view.rows.lineOf(row);
    const fold = view.folds.get(line);
    return (
      <LogLine
        key={line}
        number={line + 1}
        raw={text.line(line)}
        from={text.styleAt(line)}
        isError={text.isError(line)}
        isLinked={line === linked}
        isCurrent={line === current}
        hasTimes={stamped && hasTimes}
        words={words}
        folds={fold === undefined ? 0 : fold.end - fold.start - 1}
        isFolded={fold !== undefined && view.isClosed(fold)}
        fold={view.fold}
      />
    );
  };
  const average = state.bytes / Math.max(1, text.count);
  return (
    <div ref={frame} className="log" data-wrap={isWrapped || undefined} style={{ "--log-rows": view.rows.count, "--log-digits": String(text.count).length } as object}>
      <LogToolbar
        field={field} words={words} change={change} found={found} place={found.lines.indexOf(current)} step={step}
        errors={text.errors.length} errorPlace={text.errors.indexOf(current)} toError={toError}
        isFollowing={state.isComplete ? null : isFollowing} follow={follow}
        isWrapped={isWrapped} wrap={() => setIsWrapped(!isWrapped)}
        hasTimes={stamped ? hasTimes : null} times={() => setHasTimes(!hasTimes)}
        download={download}
      />
      <LogRows
        count={view.rows.count} rowsALine={isWrapped ? Math.max(1, average / COLUMNS) : 1} render={render}
        wanted={view.wanted} rowOf={(line) => view.rows.rowOf(line)} isFollowing={isFollowing} onLeave={() => setIsFollowing(false)}
      />
      <Foot state={state} again={again} isOpen={isOpen} />
    </div>
  );
}

function Foot({ state, again, isOpen }: { state: LogState; again: () => void; isOpen: boolean }): ReactElement {
  return (
    <footer className="log-foot">
      <span>{count(state.text.count, "line")}</span>
      <span>{size(state.bytes)}</span>
      {state.masked > 0 && <span title="What looked like a secret was replaced by [secret] before the log was stored">{count(state.masked, "secret")} masked</span>}
      {state.isTruncated && <span className="tag late">Cut: the provider's log is longer than what is kept</span>}
      <span className="push" role="status">
        <Going state={state} isOpen={isOpen} />
        {state.problem !== null && <> · <span className="foreign">{state.problem.detail ?? state.problem.title}</span></>}
      </span>
      {state.phase === "stopped" && <button type="button" className="button plain" onClick={again}>Ask again</button>}
    </footer>
  );
}

/** Whether more is to come. */
function Going({ state: { phase, problem, isComplete }, isOpen }: { state: LogState; isOpen: boolean }): ReactNode {
  if (phase === "reading") return <><Icon name="ring" spins /> Reading</>;
  if (phase === "stopped") return "What came before; it is asked for no more";
  if (problem !== null) return "What came before; it is asked for again";
  if (isComplete) return "Complete";
  return <><Icon name="ring" spins /> {isOpen ? "Still growing, asked for every 10 s" : "Over; its end is being asked for"}</>;
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function NoLines({ state, again, isOpen }: { state: LogState; again: () => void; isOpen: boolean }): ReactElement {
  const problem = state.problem;
  if (state.phase === "missing") {
    return (
      <Blank icon="list" title={isOpen ? "No log yet" : "There is no log"}>
        <span className="foreign">{problem?.detail}</span>
        {isOpen && <> It is asked for again every 10 seconds.</>}
      </Blank>
    );
  }
  if (state.phase === "refused") {
    const isKey = problem?.status === 401 || problem?.status === 403;
    return (
      <Blank icon={isKey ? "key" : "alert"} title={isKey ? "Reading logs needs a key that may" : "The log could not be had"}>
        <span className="foreign">{problem?.detail ?? problem?.title}</span>
        {state.retryAt !== null && <> Asked for again <Instant at={new Date(state.retryAt).toISOString()} />.</>}
        <br />
        <button type="button" className="button" onClick={again}><Icon name="refresh" /> Ask again</button>
      </Blank>
    );
  }
  return (
    <div className="log-wait">
      <p className="quiet" role="status">{state.phase === "fetched" ? "The provider is being asked for the log…" : "Asking for the log…"}</p>
      <Loading rows={7} words="Loading the log" />
    </div>
  );
}
