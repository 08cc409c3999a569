/** Everything that is broken now, longest first. */
import type { UseQueryResult } from "@tanstack/react-query";
import type { Query } from "~/api/request";
import type { Incident, Incidents } from "~/api/types";
import { MOST_PAGES, questionOfAll, useAll, type All } from "~/api/use_pages";

export interface OpenIncidents {
  incidents: readonly Incident[];
  /** There are older ones still: the API gives the newest first. */
  isCut: boolean;
}

const INCIDENTS = "/api/incidents";

export function useOpenIncidents(query: Query): UseQueryResult<OpenIncidents> {
  return useAll(INCIDENTS, openOnly(query), { most: MOST_PAGES, select: longestFirst });
}

/** The same, to be asked ahead. */
export function openQuestion(query: Query): ReturnType<typeof questionOfAll<Incidents>> {
  return questionOfAll<Incidents>(INCIDENTS, openOnly(query), MOST_PAGES);
}

function openOnly(query: Query): Query {
  return { ...query, status: "open" };
}

/** Of the same instant the one with the smaller id first, so that none changes places. */
export function longestFirst({ pages, isCut }: All<Incidents>): OpenIncidents {
  const incidents = pages.flatMap((page) => page.incidents);
  return { incidents: incidents.sort((one, other) => Date.parse(one.opened_at) - Date.parse(other.opened_at) || one.id - other.id), isCut };
}
