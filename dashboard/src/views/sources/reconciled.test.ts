import { expect, test } from "vitest";
import { reconciledOf } from "./reconciled";
import type { ReconciledInstance, ReconciledSource } from "./types";

const NONE = { p50: null, p95: null, builds: 0 };

function aSource(id: number, instance: string, poll: number, missed: number | null, p50: number | null): ReconciledSource {
  const total = { changes: { webhook: 1, poll, sweep: 0, backfill: 0 }, missed, lag_seconds: { poll: { p50, p95: p50, builds: 1 }, webhook: NONE, sweep: NONE, backfill: NONE } };
  return { id, provider: "github", instance, scope: `acme/${id}`, total, days: [] } as unknown as ReconciledSource;
}

const GITHUB = { provider: "github", instance: "github" } as ReconciledInstance;

test("an installation sums up its own sources and no others", () => {
  const [one] = reconciledOf({ instances: [GITHUB], sources: [aSource(1, "github", 5, 2, 3), aSource(2, "github", 7, null, 9), aSource(3, "other", 100, 50, 1)] });
  expect(one?.told).toEqual({ webhook: 2, poll: 12, sweep: 0, backfill: 0 });
  expect(one?.missed).toBe(2);
});

test("medians are told as a range, never averaged", () => {
  const [one] = reconciledOf({ instances: [GITHUB], sources: [aSource(1, "github", 5, 2, 3), aSource(2, "github", 7, null, 9)] });
  expect(one?.lag).toEqual({ webhook: null, poll: { least: 3, most: 9 } });
});

test("where no webhook came none is said to be missing", () => {
  const [one] = reconciledOf({ instances: [GITHUB], sources: [aSource(1, "github", 5, null, null)] });
  expect(one?.missed).toBeNull();
});
