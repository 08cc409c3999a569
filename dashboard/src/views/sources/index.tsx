/** What is watched and how fresh that is: contact, budget, errors, and who tells first. */
import { useState, type ReactElement } from "react";
import { MOST_PAGES, useAll } from "~/api/use_pages";
import type { Source, Sources } from "~/api/types";
import { count } from "~/lib/numbers";
import { useShortcuts } from "~/state/keys";
import { useScope } from "~/state/scope";
import { useParameters } from "~/state/url";
import { Export } from "~/ui/export";
import { Icon } from "~/ui/icon";
import { Panel } from "~/ui/panel";
import { Blank, Failure, Former, Loading, Older } from "~/ui/states";
import { CollectErrors } from "./errors";
import { InstallationPanel } from "./installation";
import { ReconciliationPanel } from "./reconciliation";
import { installationsOf, standingOf } from "./standing";
import { usePoll } from "./use_poll";
import "./sources.css";

/** The schedule is no event that the stream tells of. */
const REFRESH_MS = 10_000;

export default function View(): ReactElement {
  const { query, frame } = useScope();
  const { get } = useParameters();
  const where = { provider: query.provider, instance: query.instance, project: query.project };
  const answer = useAll<Sources>("/api/sources", where, { most: MOST_PAGES, refetchInterval: REFRESH_MS });
  const poll = usePoll();
  useShortcuts([{ keys: ["p"], words: "Poll every source now", group: "Sources", run: () => (poll.busy === null ? poll.ask(null) : undefined) }]);
  const sources = answer.data?.pages.flatMap((page) => page.sources);
  const name = get("name")?.toLowerCase() ?? "";
  const shown = sources?.filter((source) => `${source.scope} ${source.instance}`.toLowerCase().includes(name) && (get("show") === null || needsLook(source)));
  return (
    <div className="sources">
      <header className="sources-head">
        <h1>Sources</h1>
        {sources !== undefined && <Summary sources={sources} />}
        <div className="row push wrap">
          <button type="button" className="button" disabled={poll.busy !== null || sources?.length === 0} onClick={() => poll.ask(null)}>
            <Icon name="refresh" spins={poll.busy === "all"} /> Poll all now
          </button>
          <Export words="sources" lists={[{ name: "sources", path: "/api/sources", query: where }]} note="Every source of this scope, whatever the names are filtered by." />
        </div>
      </header>
      {poll.said !== null && <p className={`notice tone-${poll.said.isError ? "late" : "good"}`} role="status"><Icon name={poll.said.isError ? "clock" : "check"} /><span className="foreign">{poll.said.words}</span></p>}
      {(sources?.length ?? 0) > 8 && <Controls sources={sources ?? []} />}
      {sources === undefined && answer.isError && <Failure error={answer.error} again={() => void answer.refetch()} />}
      {sources === undefined && !answer.isError && <Panel title="Sources"><Loading rows={6} /></Panel>}
      {sources?.length === 0 && <div className="panel"><Blank icon="plug" title="Nothing is watched yet">Add a repository, a project or a Jenkins with <code>observatory source add</code>, or under <code>[[providers]]</code> in the configuration.</Blank></div>}
      {sources !== undefined && sources.length > 0 && shown?.length === 0 && <div className="panel"><Blank icon="check" title="No source like that" /></div>}
      <Older of={answer} />
      <Former of={answer}>
        {shown !== undefined && installationsOf(shown).map((installation) => <InstallationPanel key={`${installation.provider} ${installation.instance}`} installation={installation} poll={poll} />)}
      </Former>
      <ReconciliationPanel where={{ provider: query.provider, instance: query.instance }} frame={frame} />
      <CollectErrors where={where} since={frame.since} window={frame.words} />
      {poll.sheet}
    </div>
  );
}

function needsLook(source: Source): boolean {
  return standingOf(source).rank < 3;
}

function Summary({ sources }: { sources: readonly Source[] }): ReactElement {
  const watched = sources.filter((source) => source.is_active);
  const looks = watched.filter(needsLook).length;
  return (
    <span className="quiet">
      {count(watched.length, "source")} watched, {looks === 0 ? "all fresh" : <strong className="sources-looks">{looks} to look at</strong>}
    </span>
  );
}

function Controls({ sources }: { sources: readonly Source[] }): ReactElement {
  const { get, set } = useParameters();
  const [typed, type] = useState(get("name") ?? "");
  const isAll = get("show") === null;
  return (
    <div className="row wrap">
      <label className="sources-search">
        <span className="visually-hidden">Filter by name</span>
        <input className="input" type="search" placeholder="Filter by name" value={typed} onChange={(event) => { type(event.target.value); set({ name: event.target.value || null }, { replace: true }); }} />
      </label>
      <div className="segments" role="group" aria-label="Which sources">
        <button type="button" aria-pressed={isAll} onClick={() => set({ show: null })}>All {sources.length}</button>
        <button type="button" aria-pressed={!isAll} onClick={() => set({ show: "look" })}>To look at {sources.filter(needsLook).length}</button>
      </div>
    </div>
  );
}
