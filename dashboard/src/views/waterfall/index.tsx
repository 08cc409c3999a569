/** Commits down, pipelines and jobs across: what broke with which commit, and what it did since. */
import { useMemo, useState, type ReactElement } from "react";
import type { Query } from "~/api/request";
import { useScope } from "~/state/scope";
import { useParameters } from "~/state/url";
import { useShortcuts } from "~/state/keys";
import { usePreference } from "~/state/preferences";
import { Blank, Failure, Loading, Older } from "~/ui/states";
import { Controls } from "./controls";
import { Figures } from "./figures";
import { GridTable } from "./grid_table";
import { NONE, groupsOf, shown, type Pattern } from "./groups";
import { GroupSheet } from "./group_sheet";
import type { Row } from "./model";
import { Stream } from "./stream";
import { useWaterfall, type UsedWaterfall } from "./use_waterfall";
import "./waterfall.css";

const FEW_COLUMNS = 60;
const NO_ROWS: readonly Row[] = [];

export default function View(): ReactElement {
  const { query } = useScope();
  return (
    <>
      <h1 className="visually-hidden">Waterfall</h1>
      <Figures />
      <div className="waterfall">
        <Grid query={query} />
        <Stream query={query} />
      </div>
    </>
  );
}

/** By itself, because it is drawn anew with each event. */
function Grid({ query }: { query: Query }): ReactElement {
  const parameters = useParameters();
  const [patterns, setPatterns] = usePreference("waterfall.groups", patternsOf);
  const [isEditing, setIsEditing] = useState(false);
  const { rows, columns: all, isWhole, answers, more } = useWaterfall(query);
  const groups = useMemo(() => groupsOf(all, patterns), [all, patterns]);
  const wanted = useWanted(groups.map((group) => group.key), all.length);
  // Unless what ran decides which columns there are, a change of a row leaves them alone.
  const deciding = wanted.hidesGreen || wanted.hidesUnused ? rows : NO_ROWS;
  const columns = useMemo(() => shown(groups, deciding, wanted), [groups, deciding, wanted]);
  const flip = (name: string): void => parameters.set({ [name]: parameters.get(name) === null ? "1" : null });
  useShortcuts([
    { keys: ["h"], words: "Hide what is green", group: "Waterfall", run: () => flip("hideGreen") },
    { keys: ["u"], words: "Hide what never ran", group: "Waterfall", run: () => flip("hideUnused") },
    { keys: ["e"], words: "Edit the groups", group: "Waterfall", run: () => setIsEditing(true) },
  ]);

  return (
    <section className="panel waterfall-main" aria-label="Commits and what was built of them">
      <Controls groups={groups} open={wanted.open} onEdit={() => setIsEditing(true)} />
      <State of={answers} />
      {answers.data !== undefined && rows.length === 0 && !answers.hasNextPage && (
        <Blank icon="grid" title="Nothing was built here yet">Choose another repository or branch, or wait for the first build.</Blank>
      )}
      {rows.length > 0 && columns.length === 0 && (
        <Blank icon="filter" title="No column is left">Everything is hidden by the filter above.</Blank>
      )}
      {rows.length > 0 && columns.length > 0 && <GridTable rows={rows} columns={columns} all={all} />}
      <Foot of={answers} isWhole={isWhole} onMore={more} />
      {isEditing && <GroupSheet patterns={patterns} onChange={setPatterns} onClose={() => setIsEditing(false)} />}
    </section>
  );
}

/** Why there is no grid, or since when it is as it stands; what is wrong with older commits alone is said below. */
function State({ of }: { of: UsedWaterfall["answers"] }): ReactElement | null {
  if (of.isPending) return <div className="waterfall-waits"><Loading rows={14} words="Loading the waterfall" /></div>;
  if (of.isLoadingError) return <Failure error={of.error} again={() => void of.refetch()} />;
  return of.isRefetchError ? <div className="waterfall-waits"><Older of={of} /></div> : null;
}

function Foot({ of, isWhole, onMore }: { of: UsedWaterfall["answers"]; isWhole: boolean; onMore: () => void }): ReactElement | null {
  if (!of.hasNextPage && isWhole) return null;
  return (
    <footer className="waterfall-foot">
      {of.isFetchNextPageError && <Failure error={of.error} again={() => void of.fetchNextPage()} />}
      {of.hasNextPage && !of.isFetchNextPageError && (
        <button type="button" className="button" disabled={of.isFetchingNextPage} onClick={onMore}>
          {of.isFetchingNextPage ? "Looking…" : "Older commits"}
        </button>
      )}
      {!isWhole && <small className="quiet">Not every column or job fits one answer: choose a repository to see all of them.</small>}
    </footer>
  );
}

/** Every group is open while all columns are few; from then on those that were opened. */
function useWanted(groups: readonly string[], columns: number): { filter: string; hidesGreen: boolean; hidesUnused: boolean; open: ReadonlySet<string> } {
  const { get: read } = useParameters();
  const [filter, hidesGreen, hidesUnused, opened] = [read("columns") ?? "", read("hideGreen") !== null, read("hideUnused") !== null, read("open")];
  const names = groups.join("\n");
  return useMemo(() => {
    const usual = columns <= FEW_COLUMNS ? names.split("\n") : [];
    return { filter, hidesGreen, hidesUnused, open: new Set(opened === null ? usual : opened === NONE ? [] : opened.split("\n")) };
  }, [filter, hidesGreen, hidesUnused, opened, names, columns]);
}

function patternsOf(stored: unknown): Pattern[] {
  return Array.isArray(stored) ? stored.filter(isPattern) : [];
}

function isPattern(one: unknown): one is Pattern {
  return typeof one === "object" && one !== null && typeof (one as Pattern).name === "string" && typeof (one as Pattern).pattern === "string";
}
