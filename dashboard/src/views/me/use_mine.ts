/** What is asked of the API for somebody's builds. */
import { useEffect, useMemo } from "react";
import { keepPreviousData, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { get, type Query } from "~/api/request";
import { useGet } from "~/api/use";
import type { Build, Builds, Incident, Incidents, Jobs, Triage } from "~/api/types";
import { Again } from "~/live/again";
import { onBatch } from "~/live/store";
import type { Standing } from "~/ui/states";
import { placeOf, told, type Place } from "./places";
import { namesOfFailed, type Evidence } from "./reasons";
import { together, type Together } from "./together";

const VERDICTS = "succeeded,failed,timed_out";
const NEWEST = 100;
const DAY_OF_JOBS_MS = 60_000;

export interface Newest {
  /** Undefined until there is an answer. */
  builds: readonly Build[] | undefined;
  error: unknown;
  again: () => void;
  standing: Standing;
}

/** The newest of somebody's builds. */
export function useNewest(query: Query): Newest {
  const answer = useQuery({
    queryKey: ["me", "builds", query],
    queryFn: ({ signal }) => get<Builds>("/api/builds", { ...query, limit: NEWEST }, signal),
    placeholderData: keepPreviousData,
  });
  return { builds: answer.data?.builds, error: answer.error, again: () => void answer.refetch(), standing: answer };
}

/** Known builds change as they come, the lists of the newest when something of somebody's happens: once for the whole view. */
export function useNews(names: readonly string[]): void {
  const client = useQueryClient();
  useEffect(() => {
    const again = new Again(client, ({ queryKey }) => queryKey[0] === "me" && queryKey[1] === "builds");
    const stop = onBatch(({ builds }) => {
      client.setQueriesData<Builds>({ queryKey: ["me", "builds"] }, (kept) => kept && told(kept, builds));
      if ([...builds.values()].some(({ author }) => author !== null && names.includes(author))) again.ask();
    });
    return () => {
      stop();
      again.stop();
    };
  }, [client, names]);
}

interface Latest extends Together {
  latest: ReadonlyMap<string, Build | null>;
}

/** Of each place the newest verdict, whoever it is of; by place. */
export function useLatest(places: readonly Place[]): Latest {
  const client = useQueryClient();
  const answers = useQueries({
    queries: places.map(({ pipeline_id, branch }) => ({
      queryKey: ["me", "latest", placeOf({ pipeline_id, branch })],
      queryFn: ({ signal }: { signal: AbortSignal }) => get<Builds>("/api/builds", { pipeline_id, branch: branch === null ? null : [branch], status: VERDICTS, limit: 1 }, signal),
    })),
  });
  useEffect(
    () =>
      onBatch(({ builds }) => {
        for (const build of builds.values()) void client.invalidateQueries({ queryKey: ["me", "latest", placeOf(build)] });
      }),
    [client],
  );
  const latest = new Map(places.map((place, index) => [placeOf(place), answers[index]?.data?.builds[0] ?? null]));
  return { latest, ...together(answers) };
}

interface Around {
  /** Open on default branches, by pipeline. */
  incidents: ReadonlyMap<number, Incident>;
  /** On how many branches a job of these pipelines failed within a day. */
  elsewhere: ReadonlyMap<string, number>;
}

export interface KnownAround extends Pick<Together, "error" | "again"> {
  /** Undefined until it is known. */
  around: Around | undefined;
}

/** What goes on around these pipelines. */
export function useAround(pipelines: readonly number[]): KnownAround {
  const ids = pipelines.join(",");
  const isAsked = ids !== "";
  const incidents = useGet<Incidents>("/api/incidents", { status: "open", is_default_branch: "true", pipeline_id: ids, limit: 200 }, { enabled: isAsked });
  const jobs = useQuery({
    // Counted over a whole day: not worth asking again whenever a build ends.
    queryKey: ["me", "jobs", ids],
    queryFn: ({ signal }) => get<Triage>("/api/triage", { pipeline_id: ids }, signal),
    staleTime: DAY_OF_JOBS_MS,
    enabled: isAsked,
  });
  const around = useMemo(() => {
    if (incidents.data === undefined || jobs.data === undefined) return undefined;
    return {
      incidents: new Map(incidents.data.incidents.map((incident) => [incident.pipeline_id, incident])),
      elsewhere: new Map(jobs.data.jobs.flatMap(({ name, branches }) => (name === null ? [] : [[name, branches] as const]))),
    };
  }, [incidents.data, jobs.data]);
  const { error, again } = together([incidents, jobs]);
  return { around, error, again };
}

interface KnownEvidence extends Pick<Together, "error" | "again"> {
  /** Undefined until it is known. */
  evidence: Evidence | undefined;
}

/** What speaks for and against a failed build. */
export function useEvidence(build: Build, around: Around | undefined): KnownEvidence {
  const { id, pipeline_id, commit_sha } = build;
  const passed = useGet<Builds>("/api/builds", { pipeline_id, commit_sha, status: "succeeded", limit: 1 }, { enabled: commit_sha !== null, isFresh: true });
  const jobs = useQuery({ queryKey: ["me", "failed jobs", id, build.attempt], queryFn: ({ signal }) => get<Jobs>(`/api/builds/${id}/jobs`, { limit: 200 }, signal) });
  const hasAll = around !== undefined && jobs.data !== undefined && (passed.data !== undefined || commit_sha === null);
  const evidence = hasAll
    ? { incident: around.incidents.get(pipeline_id) ?? null, passed: passed.data?.builds[0] ?? null, failedJobs: namesOfFailed(jobs.data.jobs), elsewhere: around.elsewhere }
    : undefined;
  const { error, again } = together(commit_sha === null ? [jobs] : [passed, jobs]);
  return { evidence, error, again };
}

