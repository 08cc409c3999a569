/** Which pipelines' builds may be older than they look, by what the sources say; asked for only while any is stale. */
import { useMemo } from "react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { MOST_PAGES, allOf, useAll, type All } from "~/api/use_pages";
import type { Pipelines, Source, Sources } from "~/api/types";
import { NO_REASONS, stalePipelines, staleSources, type Reasons } from "./stale";

const SOURCES_MS = 30_000;
/** Which source a pipeline is collected from hardly ever changes. */
const PIPELINES_MS = 600_000;

const NONE: readonly Source[] = [];

/** Why each stale source is, by its id; every source is asked for once for the whole page. */
export function useStaleSources(): Reasons {
  const sources = useSources();
  return useMemo(() => staleSources(sources), [sources]);
}

/** The same by pipeline: once for a view, not for each of its rows. */
export function useStale(): Reasons {
  const sources = useSources();
  const reasons = useMemo(() => staleSources(sources), [sources]);
  const instances = [...new Set(sources.filter(({ id }) => reasons.has(id)).map(({ instance }) => instance))].toSorted();
  const { data } = useQuery({
    // Under a name of its own: what is built moves the figures of pipelines, and not whose they are.
    queryKey: ["stale pipelines", instances],
    queryFn: ({ signal }) => allOf<Pipelines>("/api/pipelines", { instance: instances }, MOST_PAGES, signal),
    placeholderData: keepPreviousData,
    staleTime: PIPELINES_MS,
    refetchInterval: PIPELINES_MS,
    enabled: instances.length > 0,
  });
  return useMemo(() => {
    if (data === undefined || reasons.size === 0) return NO_REASONS;
    return stalePipelines(data.pages.flatMap((page) => page.pipelines), reasons);
  }, [data, reasons]);
}

function useSources(): readonly Source[] {
  return useAll<Sources, readonly Source[]>("/api/sources", {}, { most: MOST_PAGES, refetchInterval: SOURCES_MS, select: sourcesOf }).data ?? NONE;
}

function sourcesOf({ pages }: All<Sources>): readonly Source[] {
  return pages.flatMap((page) => page.sources);
}
