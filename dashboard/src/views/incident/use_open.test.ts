import { expect, test } from "vitest";
import type { Incident, Incidents } from "~/api/types";
import { anIncident } from "./an_incident";
import { longestFirst } from "./use_open";

function aPage(...incidents: Incident[]): Incidents {
  return { incidents, next_cursor: null, as_of: "2026-11-20T12:30:00Z", stale_sources: [] };
}

test("what broke first comes first, whatever page it is of, and of the same instant the one with the smaller id", () => {
  const pages = [aPage(anIncident({ id: 3 }), anIncident({ id: 1 })), aPage(anIncident({ id: 2, opened_at: "2026-11-20T11:00:00Z" }))];

  expect(longestFirst({ pages, isCut: false }).incidents.map(({ id }) => id)).toEqual([2, 1, 3]);
});

test("that older ones are missing is not lost", () => {
  expect(longestFirst({ pages: [], isCut: true })).toEqual({ incidents: [], isCut: true });
});
