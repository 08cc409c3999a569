// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { aBuild } from "~/builds/sample";
import { AGAIN_MS } from "./again";
import { applier } from "./apply";
import type { Batch } from "./store";

const QUIET: Batch = { builds: new Map(), incidents: new Map(), gone: new Set(), isResync: false };

let client: QueryClient;
let asked: string[];
let stops: (() => void)[];

beforeEach(async () => {
  vi.useFakeTimers();
  client = new QueryClient();
  asked = [];
  stops = ["/api/metrics/overview", "/api/sources"].map((path) => {
    const queryFn = (): Promise<number> => Promise.resolve(asked.push(path));
    return new QueryObserver(client, { queryKey: [path], queryFn }).subscribe(() => undefined);
  });
  await vi.advanceTimersByTimeAsync(10);
  asked = [];
});

afterEach(() => {
  for (const stop of stops) stop();
  client.clear();
  vi.useRealTimers();
});

async function after(batch: Partial<Batch>): Promise<string[]> {
  applier(client)({ ...QUIET, ...batch });
  await vi.advanceTimersByTimeAsync(AGAIN_MS + 10);
  return asked.toSorted();
}

test("a build's change makes figures old, and nothing else", async () => {
  expect(await after({ builds: new Map([[1, aBuild(1)]]) })).toEqual(["/api/metrics/overview"]);
});

test("where something was missed for good, everything is asked for again", async () => {
  expect(await after({ isResync: true })).toEqual(["/api/metrics/overview", "/api/sources"]);
});

test("a deleted build may have stood anywhere", async () => {
  expect(await after({ gone: new Set([7]) })).toEqual(["/api/metrics/overview", "/api/sources"]);
});

test("an event about something else makes nothing old", async () => {
  expect(await after({})).toEqual([]);
});

test("answers out of sight are taken for old at once, and not asked for", async () => {
  client.setQueryData(["/api/builds", { branch: "main" }], {});
  client.setQueryData(["/api/builds", { branch: "develop" }], {});
  client.setQueryData(["/api/builds/7", {}], {});
  client.setQueryData(["me", "builds", {}], {});
  applier(client)({ ...QUIET, builds: new Map([[1, aBuild(1)]]) });
  const old = client.getQueryCache().findAll({ predicate: ({ state }) => state.isInvalidated });
  expect(old.map(({ queryKey }) => queryKey)).toEqual([["/api/builds", { branch: "main" }], ["me", "builds", {}]]);
  expect(asked).toEqual([]);
});

test("figures that no changed build belongs to are not asked for", async () => {
  const queryFn = (): Promise<number> => Promise.resolve(asked.push("develop"));
  stops.push(new QueryObserver(client, { queryKey: ["/api/metrics/overview", { branch: "develop" }], queryFn }).subscribe(() => undefined));
  await vi.advanceTimersByTimeAsync(10);
  asked = [];
  expect(await after({ builds: new Map([[1, aBuild(1)]]) })).toEqual(["/api/metrics/overview"]);
});
