import { expect, test } from "vitest";
import { together } from "./together";

function anAnswer(changes: { data?: unknown; error?: unknown } = {}): { data: unknown; error: unknown; refetch: () => void; times: number } {
  const answer = { data: undefined, error: null, times: 0, refetch: () => void (answer.times += 1), ...changes };
  return answer;
}

test("answers are awaited until the last is there", () => {
  expect(together([anAnswer({ data: 1 }), anAnswer()])).toMatchObject({ isAll: false, error: null });
  expect(together([anAnswer({ data: 1 }), anAnswer({ data: 0 })])).toMatchObject({ isAll: true, error: null });
  expect(together([])).toMatchObject({ isAll: true, error: null });
});

test("one that failed is why they are missing, though others are still awaited", () => {
  expect(together([anAnswer(), anAnswer({ error: "down" })])).toMatchObject({ isAll: false, error: "down" });
});

test("one that failed after it was there hides nothing", () => {
  expect(together([anAnswer({ data: 1, error: "down" })])).toMatchObject({ isAll: true, error: null });
});

test("only what failed is asked again", () => {
  const [there, awaited, failed] = [anAnswer({ data: 1, error: "late" }), anAnswer(), anAnswer({ error: "down" })];

  together([there, awaited, failed]).again();

  expect([there, awaited, failed].map(({ times }) => times)).toEqual([0, 0, 1]);
});
