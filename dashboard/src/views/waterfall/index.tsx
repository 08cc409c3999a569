/** Commits down, pipelines and jobs across: what broke with which commit, and what it did since. */
import { useMemo, useState, type ReactElement } from "react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { get } from "~/api/request";
import { useScope } from "~/state/scope";
import { useParameters } from "~/state/url";
import { useShortcuts } from "~/state/keys";
import { usePreference } from "~/state/preferences";
import { Blank, Failure, Loading } from "~/ui/states";
import { Controls } from "./controls";
import { Figures } from "./figures";
import { GridTable } from "./grid_table";
import { NONE, groupsOf, shown, type Pattern } from "./groups";
import { GroupSheet } from "./group_sheet";
import { gridOf } from "./model";
import { Stream } from "./stream";
import type { Waterfall } from "./types";
import "./waterfall.css";

const COMMITS = 50;
const FEW_COLUMNS = 60;

export default function View(): ReactElement {
  const { query } = useScope();
  const parameters = useParameters();
  const [patterns, setPatterns] = usePreference("waterfall.groups", patternsOf);
  const [isEditing, setIsEditing] = useState(false);
  const answers = useInfiniteQuery({
    queryKey: ["/api/waterfall", query],
    queryFn: ({ pageParam, signal }) => get<Waterfall>("/api/waterfall", { ...query, limit: COMMITS, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
  });
  const grid = useMemo(() => gridOf(answers.data?.pages ?? []), [answers.data]);
  const groups = useMemo(() => groupsOf(grid.columns, patterns), [grid.columns, patterns]);
  const wanted = useWanted(groups.map((group) => group.key), grid.columns.length);
  const columns = useMemo(() => shown(groups, grid.rows, wanted), [groups, grid.rows, wanted]);
  const flip = (name: string): void => parameters.set({ [name]: parameters.get(name) === null ? "1" : null });
  useShortcuts([
    { keys: ["h"], words: "Hide what is green", group: "Waterfall", run: () => flip("hideGreen") },
    { keys: ["u"], words: "Hide what never ran", group: "Waterfall", run: () => flip("hideUnused") },
    { keys: ["e"], words: "Edit the groups", group: "Waterfall", run: () => setIsEditing(true) },
  ]);

  return (
    <>
      <h1 className="visually-hidden">Waterfall</h1>
      <Figures query={query} />
      <div className="waterfall">
        <section className="panel waterfall-main" aria-label="Commits and what was built of them">
          <Controls groups={groups} open={wanted.open} onEdit={() => setIsEditing(true)} />
          {answers.isError && answers.data === undefined && <Failure error={answers.error} again={() => void answers.refetch()} />}
          {answers.isPending && <div className="waterfall-waits"><Loading rows={14} words="Loading the waterfall" /></div>}
          {answers.data !== undefined && grid.rows.length === 0 && !answers.hasNextPage && (
            <Blank icon="grid" title="Nothing was built here yet">Choose another repository or branch, or wait for the first build.</Blank>
          )}
          {grid.rows.length > 0 && columns.length === 0 && (
            <Blank icon="filter" title="No column is left">Everything is hidden by the filter above.</Blank>
          )}
          {grid.rows.length > 0 && columns.length > 0 && <GridTable rows={grid.rows} columns={columns} all={grid.columns} />}
          {(answers.hasNextPage || !grid.isWhole) && (
            <footer className="waterfall-foot">
              {answers.hasNextPage && (
                <button type="button" className="button" disabled={answers.isFetchingNextPage} onClick={() => void answers.fetchNextPage()}>
                  {answers.isFetchingNextPage ? "Looking…" : "Older commits"}
                </button>
              )}
              {!grid.isWhole && <small className="quiet">Not every column or job fits one answer: choose a repository to see all of them.</small>}
            </footer>
          )}
        </section>
        <Stream query={query} />
      </div>
      {isEditing && <GroupSheet patterns={patterns} onChange={setPatterns} onClose={() => setIsEditing(false)} />}
    </>
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
