/** What was decided about an event, none where its position is null: asked for again until it is planned, ever more seldom, and not while nobody looks. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { get } from "./request";
import type { Decisions } from "./types";
import { FALLBACK_MS } from "./use";

const FIRST_MS = 2_000;
const GROWTH = 1.5;

export function useDecisions(pos: number | null): UseQueryResult<Decisions> {
  const path = `/api/events/${pos}/decisions`;
  return useQuery({
    queryKey: [path, {}],
    queryFn: ({ signal }) => get<Decisions>(path, {}, signal),
    enabled: pos !== null,
    refetchInterval: ({ state }) => askAgainAfter(state.data, state.dataUpdateCount + state.errorUpdateCount),
  });
}

export function askAgainAfter(decisions: Pick<Decisions, "is_planned"> | undefined, asked: number): number {
  if (decisions === undefined || decisions.is_planned) return FALLBACK_MS;
  return Math.min(FALLBACK_MS, FIRST_MS * GROWTH ** Math.max(0, asked - 1));
}
