import { expect, test } from "vitest";
import { byRepository, countWords, isNamed, isOfKind, orderOf, orderText, rowsOf, sorted, type Figures, type Flakiness, type Row } from "./rows";
import { BROKEN, aPipeline, aRow } from "./sample";

const taking = (p95: number | null): Partial<Row> => ({ figures: { duration_seconds: { p95 } } as Figures });
const ids = (rows: readonly Row[]): number[] => rows.map((row) => row.pipeline.id);

test("broken pipelines come first, those without a verdict last, and else the name decides", () => {
  const none = { health: { ...aPipeline(0).health, verdict: null, is_broken: null } };
  const rows = [aRow(1, {}, none), aRow(3), aRow(2), aRow(4, {}, BROKEN)];
  expect(ids(sorted(rows, orderOf(null)))).toEqual([4, 2, 3, 1]);
});

test("the slowest comes first, and what is not known last either way", () => {
  const rows = [aRow(1, taking(10)), aRow(2, taking(null)), aRow(3, taking(90))];
  expect(ids(sorted(rows, orderOf("p95")))).toEqual([3, 1, 2]);
  expect(ids(sorted(rows, orderOf("-p95")))).toEqual([1, 3, 2]);
});

test("names are sorted as people sort them", () => {
  const rows = [aRow(1, {}, { name: "beta" }), aRow(2, {}, { name: "Alpha" }), aRow(3, {}, { name: "älter" })];
  expect(ids(sorted(rows, orderOf("name")))).toEqual([2, 3, 1]);
});

test("an order that is not known is the usual one, and the usual one is not in the address", () => {
  expect(orderOf("nonsense")).toEqual({ by: "health", isReversed: false });
  expect(orderText(orderOf("-p50"))).toBe("-p50");
  expect(orderText(orderOf(null))).toBeNull();
});

test("each word of the filter has to be in the name, the repository or the provider", () => {
  const row = aRow(1, {}, { name: "Deploy", repository: "acme/Shop" });
  expect(isNamed(row, "shop dep")).toBe(true);
  expect(isNamed(row, "shop nightly")).toBe(false);
  expect(isNamed(row, "github")).toBe(true);
});

test("kinds narrow to what is broken, flaky or slower", () => {
  const flaky = aRow(1, { flaky: { rate: 0.1 } as Flakiness });
  expect(isOfKind(flaky, "flaky")).toBe(true);
  expect(isOfKind(flaky, "broken")).toBe(false);
  expect(isOfKind(flaky, "slower")).toBe(false);
  expect(isOfKind(aRow(2, {}, BROKEN), "broken")).toBe(true);
  expect(isOfKind(flaky, "all")).toBe(true);
});

test("groups keep the order of their first rows and count what is broken", () => {
  const rows = [aRow(1, {}, { repository: "b" }), aRow(2, {}, { ...BROKEN, repository: "a" }), aRow(3, {}, { repository: "b" })];
  expect(byRepository(rows).map((group) => [group.repository, ids(group.rows), group.broken])).toEqual([["b", [1, 3], 0], ["a", [2], 1]]);
});

test("repositories of the same name at two providers are two groups", () => {
  const rows = [aRow(1, {}, { repository: "a" }), aRow(2, {}, { repository: "a", provider: "gitlab", instance: "gitlab" })];
  expect(byRepository(rows)).toHaveLength(2);
});

test("a pipeline of a stale source is not believed to be fresh", () => {
  const rows = rowsOf({ pipelines: [aPipeline(1), aPipeline(2)], groups: undefined, flaky: undefined, slowdowns: undefined, stale: new Map([[1, "no contact"]]) });
  expect(rows.map((row) => row.staleReason)).toEqual(["no contact", undefined]);
});

test("what is filtered away is counted too", () => {
  expect(countWords(18, 18)).toBe("18 pipelines");
  expect(countWords(7, 18)).toBe("7 of 18 pipelines");
  expect(countWords(0, 1)).toBe("0 of 1 pipeline");
});
