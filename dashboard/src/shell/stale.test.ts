import { expect, test } from "vitest";
import { staleOf, stalePipelines, staleSources } from "./stale";

function aSource(minute: number | null, changes: { is_active?: boolean; is_stale?: boolean } = {}) {
  return { is_active: true, is_stale: true, last_contact_at: minute === null ? null : new Date(Date.UTC(2026, 10, 20, 12, minute)).toISOString(), ...changes };
}

test("those that have been silent longest are named, one that never spoke first, and the others are counted", () => {
  const [a, b, c, d, e] = [aSource(9), aSource(3), aSource(null), aSource(5), aSource(7)];
  expect(staleOf([a, b, c, d, e])).toEqual({ named: [c, b, d], more: 2 });
});

test("one far down a long list is named like the first", () => {
  const fresh = Array.from({ length: 400 }, () => aSource(0, { is_stale: false }));
  const late = aSource(1);
  expect(staleOf([...fresh, late])).toEqual({ named: [late], more: 0 });
});

test("one that is no longer watched, and one that is fresh, are not worth a word", () => {
  expect(staleOf([aSource(1, { is_active: false }), aSource(1, { is_stale: false })])).toEqual({ named: [], more: 0 });
});

function named(id: number, changes: { is_active?: boolean; is_stale?: boolean; stale_reason?: string | null } = {}) {
  return { id, is_active: true, is_stale: true, stale_reason: `reason ${id}`, ...changes };
}

test("a stale source says why; one that is fresh or watched no more says nothing", () => {
  const sources = [named(1), named(2, { is_stale: false, stale_reason: null }), named(3, { is_active: false }), named(4, { stale_reason: null })];
  expect([...staleSources(sources)]).toEqual([[1, "reason 1"], [4, "nothing was heard of it for long"]]);
});

test("pipelines are as stale as the source they are collected from, and those that report themselves are not", () => {
  const pipelines = [{ id: 10, source_id: 1 }, { id: 11, source_id: 2 }, { id: 12, source_id: null }, { id: 13, source_id: 1 }];
  expect([...stalePipelines(pipelines, staleSources([named(1)]))]).toEqual([[10, "reason 1"], [13, "reason 1"]]);
});
