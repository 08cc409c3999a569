import { expect, test } from "vitest";
import { groupsOf, shown, type Shown } from "./groups";
import { columnsOf, partOf, type Column } from "./model";
import { answer } from "./sample";
import { isFirst, saysItself, spansOf, staleReason, titleOf } from "./spans";

const EVERYTHING = { filter: "", hidesGreen: false, hidesUnused: false };

/** Two pipelines of one name beside each other, each of a repository of its own. */
async function twins(): Promise<Column[]> {
  const whole = answer();
  const pipelines = whole.pipelines.map((pipeline) => ({ ...pipeline, name: "ci", repository: pipeline.id === 1 ? "acme/web" : "acme/api" }));
  return columnsOf([await partOf({ ...whole, pipelines }, [], () => Promise.resolve())]);
}

async function one(): Promise<Column[]> {
  return columnsOf([await partOf(answer(), [], () => Promise.resolve())]);
}

function drawn(columns: readonly Column[], patterns: Parameters<typeof groupsOf>[1] = []): Shown[] {
  const groups = groupsOf(columns, patterns);
  return shown(groups, [], { ...EVERYTHING, open: new Set(groups.map(({ key }) => key)) });
}

test("pipelines of one name have a heading each, which says of which repository", async () => {
  const columns = drawn(await twins());
  expect(spansOf(columns).map(({ name, columns: count }) => [name, count])).toEqual([["ci · acme/web", 4], ["ci · acme/api", 2]]);
  expect(columns.map((_, place) => isFirst(columns, place))).toEqual([true, false, false, false, true, false]);
});

test("of one repository alone only the title says which", async () => {
  const spans = spansOf(drawn(await one()));
  expect(spans.map(({ name, title }) => [name, title])).toEqual([["ci", "ci · acme/web"], ["deploy", "deploy · acme/web"]]);
});

test("a group by pattern is of no pipeline, and stands beside another under its own name", async () => {
  const spans = spansOf(drawn(await one(), [{ name: "checks", pattern: "lint | ship" }, { name: "tests", pattern: "test" }]));
  expect(spans.map(({ name, columns }) => [name, columns])).toEqual([["checks", 2], ["tests", 2], ["ci", 1], ["deploy", 1]]);
});

test("a column's title says its pipeline and repository, open or not", async () => {
  const columns = await twins();
  expect(titleOf(drawn(columns)[1] as Shown)).toBe("ci / lint · acme/web");
  const closed = shown(groupsOf(columns, []), [], { ...EVERYTHING, open: new Set() });
  expect(closed.filter(({ isGroup }) => isGroup).map(titleOf)).toEqual(["ci / test · acme/web"]);
});

test("the first column that is left of a stale pipeline is marked, and no other pipeline's", async () => {
  const columns = drawn(await one());
  const stale = new Map([[2, "silent"]]);
  const reasons = (of: readonly Shown[]) => of.map((_, place) => staleReason(of, place, stale));
  expect(reasons(columns)).toEqual([undefined, undefined, undefined, undefined, "silent", undefined]);
  expect(reasons(columns.slice(0, 4).concat(columns.slice(5)))).toEqual([undefined, undefined, undefined, undefined, "silent"]);
});

test("a pipeline's own column says whose the columns beside it are, so that no heading says it again", async () => {
  const all = drawn(await twins());
  expect(spansOf(all).map(({ isNamed }) => isNamed)).toEqual([true, true]);
  expect(spansOf(all.slice(1)).map(({ isNamed }) => isNamed)).toEqual([false, true]);
  expect(all.map((_, place) => saysItself(all, place))).toEqual([true, false, false, false, true, false]);
});
