/** One incident, and which jobs of its builds failed. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import type { Job, Jobs, OneIncident } from "~/api/types";
import { useGet } from "~/api/use";
import { MOST_PAGES, allOf } from "~/api/use_pages";
import { failedIn } from "./failed_jobs";

export function incidentPath(id: number): string {
  return `/api/incidents/${id}`;
}

export function useIncident(id: number): UseQueryResult<OneIncident> {
  return useGet<OneIncident>(incidentPath(id), {}, { isFresh: true });
}

/** The failed jobs of one attempt; asked for once, since an attempt that is over does not change. */
export function useFailedJobs(build: number, attempt: number, isWanted = true): UseQueryResult<Job[]> {
  const path = `/api/builds/${build}/jobs`;
  return useQuery({
    queryKey: [path, "failed in", attempt],
    queryFn: async ({ signal }) => (await allOf<Jobs>(path, {}, MOST_PAGES, signal)).pages.flatMap((page) => page.jobs),
    select: (jobs) => failedIn(jobs, attempt),
    staleTime: 60_000,
    enabled: isWanted,
  });
}
