/** What was decided about the end of an attempt: asked for again until it is planned, ever more seldom, and not while nobody looks. */
import { useQuery } from "@tanstack/react-query";
import { get } from "~/api/request";
import { FALLBACK_MS } from "~/api/use";
import type { Decisions } from "./types";

const FIRST_MS = 2_000;
const GROWTH = 1.5;

export function useDecisions(pos: number | null): Decisions | undefined {
  const path = `/api/events/${pos}/decisions`;
  const { data } = useQuery({
    queryKey: [path, {}],
    queryFn: ({ signal }) => get<Decisions>(path, {}, signal),
    enabled: pos !== null,
    refetchInterval: ({ state }) => askAgainAfter(state.data, state.dataUpdateCount + state.errorUpdateCount),
  });
  return data;
}

export function askAgainAfter(decisions: Pick<Decisions, "is_planned"> | undefined, asked: number): number {
  if (decisions === undefined || decisions.is_planned) return FALLBACK_MS;
  return Math.min(FALLBACK_MS, FIRST_MS * GROWTH ** Math.max(0, asked - 1));
}
