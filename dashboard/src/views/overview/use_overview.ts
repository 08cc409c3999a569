/** The figures of the scope over its window, cut into buckets: one question, whichever view asks it. */
import type { UseQueryResult } from "@tanstack/react-query";
import type { Overview } from "~/api/types";
import { useGet } from "~/api/use";
import { zone } from "~/lib/time";
import { useScope } from "~/state/scope";

export function useOverview(): UseQueryResult<Overview> {
  const { query, frame } = useScope();
  const { since, until, bucket } = frame;
  return useGet<Overview>("/api/metrics/overview", { ...query, since, until, bucket, timezone: zone() });
}
