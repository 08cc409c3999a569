/** Every pipeline: how its last builds went, whether it is broken, how fast and how trustworthy it is. */
import { useDeferredValue, useMemo, type ReactElement } from "react";
import { whole } from "~/lib/numbers";
import { useShortcuts } from "~/state/keys";
import { useScope } from "~/state/scope";
import { useParameters } from "~/state/url";
import { Export } from "~/ui/export";
import { Icon } from "~/ui/icon";
import { Panel } from "~/ui/panel";
import { Blank, Failure, Former, Older } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";
import { About } from "./about";
import { KINDS, countWords, isNamed, isOfKind, orderOf, sorted, type Kind, type Row } from "./rows";
import { PipelineSkeleton, PipelineTable } from "./table";
import { useRows } from "./use_rows";
import "./pipelines.css";

const WORDS: Readonly<Record<Kind, string>> = { all: "All", broken: "Broken", flaky: "Flaky", slower: "Slower" };

export default function View(): ReactElement {
  const { get } = useParameters();
  const known = useRows();
  const { rows } = known;
  const kind = KINDS.find((one) => one === get("show")) ?? "all";
  const name = useDeferredValue(get("name") ?? "");
  const order = orderOf(get("sort"));
  const named = useMemo(() => rows?.filter((row) => name === "" || isNamed(row, name)) ?? [], [rows, name]);
  const shown = sorted(named.filter((row) => isOfKind(row, kind)), order);
  return (
    <div className="pipelines">
      <h1 className="visually-hidden">Pipelines</h1>
      {known.notes.map((note) => <p key={note} className="notice tone-late" role="status"><Icon name="info" /><span className="foreign">{note}</span></p>)}
      <Panel title="Pipelines" aside={rows === undefined ? undefined : `${countWords(shown.length, rows.length)}${known.isCut ? " and more" : ""} · figures of the ${known.window}`} actions={<><About formulas={known.formulas} /><Files window={known.window} /></>} isFlush>
        <Controls rows={rows === undefined ? null : named} kind={kind} />
        <p className="pipelines-counted quiet">Broken: the newest verdict on the default branch is a failure. <ViewLink to="/triage">Triage</ViewLink> has open incidents instead: one that flaps stays open after a pass.</p>
        {rows === undefined && known.error !== null && <Failure error={known.error} again={known.again} />}
        {rows === undefined && known.error === null && <PipelineSkeleton />}
        <Older of={known.standing} />
        <Former of={known.standing}>
          {rows !== undefined && shown.length === 0 && <Nothing hasAny={rows.length > 0} kind={kind} name={name} />}
          {shown.length > 0 && <PipelineTable rows={shown} order={order} isGrouped={get("group") !== null} />}
        </Former>
      </Panel>
    </div>
  );
}

/** What the rows are put together from. */
function Files({ window }: { window: string }): ReactElement {
  const { query, frame } = useScope();
  const { branch: _, ...where } = query;
  const lists = [
    { name: "pipelines", words: "Pipelines", path: "/api/pipelines", query: where },
    { name: "figures", words: "Figures", path: "/api/metrics", query: { ...query, since: frame.since, until: frame.until, by: "pipeline" } },
  ];
  return <Export words="pipelines" lists={lists} note={`Every pipeline of this scope with its last build; the figures of the ${window} by pipeline.`} />;
}

function Controls({ rows, kind }: { rows: readonly Row[] | null; kind: Kind }): ReactElement {
  const { get, set } = useParameters();
  const isGrouped = get("group") !== null;
  const choose = (one: Kind): void => set({ show: one === "all" ? null : one });
  const group = (): void => set({ group: isGrouped ? null : "repository" });
  useShortcuts([
    { keys: ["b"], words: "Only what is broken, or all", group: "Pipelines", run: () => choose(kind === "broken" ? "all" : "broken") },
    { keys: ["g"], words: "Group by repository, or not", group: "Pipelines", run: group },
  ]);
  return (
    <div className="pipelines-controls">
      <label className="pipelines-search">
        <Icon name="search" />
        <span className="visually-hidden">Filter by name</span>
        <input className="input" type="search" placeholder="Filter by name or repository" value={get("name") ?? ""} onChange={(event) => set({ name: event.target.value || null }, { replace: true })} />
      </label>
      <div className="segments" role="group" aria-label="Which pipelines">
        {KINDS.map((one) => (
          <button key={one} type="button" aria-pressed={one === kind} onClick={() => choose(one)}>
            {WORDS[one]} {rows !== null && <span className="pipelines-count">{whole(rows.filter((row) => isOfKind(row, one)).length)}</span>}
          </button>
        ))}
      </div>
      <button type="button" className="button push" aria-pressed={isGrouped} onClick={group}>
        <Icon name="list" /> Group by repository
      </button>
    </div>
  );
}

const NOTHING: Readonly<Record<Kind, string>> = {
  all: "No pipeline is called so",
  broken: "Nothing is broken",
  flaky: "Nothing was flaky in this window",
  slower: "Nothing became slower in this window",
};

function Nothing({ hasAny, kind, name }: { hasAny: boolean; kind: Kind; name: string }): ReactElement {
  const { set } = useParameters();
  if (!hasAny) return <Blank icon="layers" title="No pipelines yet">They appear with the first build that is collected: see Sources for what is watched.</Blank>;
  const isGood = kind !== "all" && name === "";
  return (
    <div className="blank">
      <Icon name={isGood ? "check" : "search"} />
      <strong>{NOTHING[kind]}</strong>
      <p>{isGood ? "Of every pipeline in this scope." : `With “${name}” in its name or its repository’s.`}</p>
      <button type="button" className="button" onClick={() => set({ show: null, name: null })}>Show all pipelines</button>
    </div>
  );
}
