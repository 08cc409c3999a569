import { expect, test } from "vitest";
import { failureOf } from "./failure";
import { cellOf, groupsOf, shown, type Shown } from "./groups";
import { partOf, type Part } from "./model";
import { answer } from "./sample";

const EVERYTHING = { filter: "", hidesGreen: false, hidesUnused: false };

/** What a column of the first two commits says of its failure, open or as one of its group. */
async function told(commit: number, name: string, isOpen: boolean): Promise<ReturnType<typeof failureOf> | undefined> {
  const { rows, columns }: Part = await partOf(answer(), [], () => Promise.resolve());
  const groups = groupsOf(columns, []);
  const found = shown(groups, [], { ...EVERYTHING, open: new Set(isOpen ? groups.map(({ key }) => key) : []) });
  const column = found.find((one) => one.name === name) as Shown;
  const row = rows[commit];
  const cell = row && cellOf(row, column);
  return row && cell && failureOf(row, column, cell);
}

test("a pipeline failed in its jobs where they tell of it, else it says what the provider does", async () => {
  expect(await told(0, "ci", true)).toEqual({ of: "jobs", words: "test (3.11)" });
  expect(await told(1, "ci", true)).toEqual({ of: "provider", words: "test (3.11)" });
  expect(await told(2, "ci", true)).toBeNull();
});

test("a job's failure is the provider's word, and a group failed in its members", async () => {
  expect(await told(0, "test (3.11)", true)).toEqual({ of: "provider", words: "failure" });
  expect(await told(0, "test", false)).toEqual({ of: "jobs", words: "test (3.11)" });
});
