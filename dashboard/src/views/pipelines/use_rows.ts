/** Every pipeline of the scope with its figures over the window. */
import { useMemo } from "react";
import { PAGE, useAll } from "~/api/use_pages";
import type { Pipelines } from "~/api/types";
import { useGet } from "~/api/use";
import { stalePipelines } from "~/shell/stale";
import { useStaleSources } from "~/shell/use_stale";
import { useScope } from "~/state/scope";
import { standingOf, type Standing } from "~/ui/states";
import { rowsOf, type Row } from "./rows";
import type { Flaky, Groups, Slowdowns } from "./types";

export interface Known {
  /** Undefined until there is a first answer. */
  rows: readonly Row[] | undefined;
  error: unknown;
  again: () => void;
  /** Of everything in the rows together. */
  standing: Standing;
  /** There are more pipelines than are shown. */
  isCut: boolean;
  /** Why figures are missing, in words. */
  notes: readonly string[];
  formulas: Readonly<Record<string, string>>;
  window: string;
}

export function useRows(): Known {
  const { query, frame } = useScope();
  // Pipelines have no branch; their figures do.
  const { branch: _, ...where } = query;
  const during = { ...query, since: frame.since, until: frame.until, limit: PAGE };
  const pipelines = useAll<Pipelines>("/api/pipelines", where);
  const groups = useGet<Groups>("/api/metrics", { ...during, by: "pipeline" });
  const flaky = useGet<Flaky>("/api/metrics/flaky", during);
  const slowdowns = useGet<Slowdowns>("/api/metrics/slowdowns", during);
  const staleSources = useStaleSources();
  const rows = useMemo(() => {
    if (pipelines.data === undefined) return undefined;
    const found = pipelines.data.pages.flatMap((page) => page.pipelines);
    const stale = stalePipelines(found, staleSources);
    return rowsOf({ pipelines: found, groups: groups.data, flaky: flaky.data, slowdowns: slowdowns.data, stale });
  }, [pipelines.data, groups.data, flaky.data, slowdowns.data, staleSources]);
  return {
    rows,
    error: pipelines.data === undefined ? pipelines.error : null,
    again: () => void pipelines.refetch(),
    standing: standingOf([pipelines, groups, flaky, slowdowns]),
    isCut: pipelines.data?.isCut ?? false,
    notes: notesOf(groups.data, flaky.data, slowdowns.data, [groups.error, flaky.error, slowdowns.error]),
    formulas: { ...groups.data?.formula, flaky: flaky.data?.formula ?? "", slowdown: slowdowns.data?.formula ?? "" },
    window: frame.words,
  };
}

function notesOf(groups: Groups | undefined, flaky: Flaky | undefined, slowdowns: Slowdowns | undefined, errors: readonly (Error | null)[]): string[] {
  const reasons = [flaky?.reason, slowdowns?.reason, ...errors.map((error) => error?.message)].filter((reason) => typeof reason === "string");
  const notes = [...new Set(reasons)];
  if (groups !== undefined && groups.group_count > PAGE) notes.push(`Figures are of the ${PAGE} pipelines with the most builds in the window; choose a repository to see those of the others.`);
  if (groups !== undefined && groups.counting > 0) notes.push("Builds on record are still being counted after an upgrade: figures lack some so far.");
  return notes;
}
