/** One build as it is now: asked for again when the stream tells of it, and now and then while it is open. */
import { useEffect } from "react";
import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import type { BuildEvent, Events, Job, Jobs, OneBuild } from "~/api/types";
import { FALLBACK_MS, useGet } from "~/api/use";
import { MOST_PAGES, allOf } from "~/api/use_pages";
import { OPEN } from "~/lib/status";
import { onBatch } from "~/live/store";

/** Jobs begin and end without their build changing, and the stream tells of builds. */
const OPEN_AGAIN_MS = 8_000;

export interface WholeBuild {
  build: UseQueryResult<OneBuild>;
  jobs: UseQueryResult<Job[]>;
  events: UseQueryResult<BuildEvent[]>;
}

export function useBuild(id: number): WholeBuild {
  const path = `/api/builds/${id}`;
  const client = useQueryClient();
  const build = useGet<OneBuild>(path, {}, { isFresh: true, refetchInterval: FALLBACK_MS });
  const again = build.data !== undefined && OPEN.has(build.data.status) ? OPEN_AGAIN_MS : FALLBACK_MS;
  useEffect(
    () =>
      onBatch(({ builds }) => {
        const changed = builds.get(id);
        if (changed === undefined) return;
        client.setQueryData<OneBuild>([path, {}], (known) => known && { ...known, ...changed });
        const isOfIt = (asked: unknown): boolean => typeof asked === "string" && (asked === path || asked.startsWith(`${path}/`));
        void client.invalidateQueries({ predicate: ({ queryKey }) => isOfIt(queryKey[0]) });
      }),
    [client, id, path],
  );
  const jobs = useQuery({
    queryKey: [`${path}/jobs`],
    queryFn: async ({ signal }) => (await allOf<Jobs>(`${path}/jobs`, {}, MOST_PAGES, signal)).pages.flatMap((page) => page.jobs),
    refetchInterval: again,
  });
  const events = useQuery({
    queryKey: [`${path}/events`],
    queryFn: async ({ signal }) => (await allOf<Events>(`${path}/events`, {}, MOST_PAGES, signal)).pages.flatMap((page) => page.events),
  });
  return { build, jobs, events };
}
