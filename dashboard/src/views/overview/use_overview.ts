/** The figures of the scope over its window, cut into buckets: one question, whichever view asks it. */
import type { UseQueryResult } from "@tanstack/react-query";
import type { Query } from "~/api/request";
import type { Overview } from "~/api/types";
import { useGet } from "~/api/use";
import { zone } from "~/lib/time";
import { useScope, type Scope } from "~/state/scope";

export const OVERVIEW = "/api/metrics/overview";

export function useOverview(): UseQueryResult<Overview> {
  return useGet<Overview>(OVERVIEW, overviewQuery(useScope()));
}

export function overviewQuery({ query, frame: { since, until, bucket } }: Scope): Query {
  return { ...query, since, until, bucket, timezone: zone() };
}
