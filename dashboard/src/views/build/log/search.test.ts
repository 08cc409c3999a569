import { expect, test } from "vitest";
import { lastBefore, nextAfter, placesOf, search, type Found } from "./search";
import { LogText } from "./text";

const ESC = "\u001b";

function logOf(...blocks: string[]): LogText {
  const log = new LogText(false);
  for (const block of blocks) log.append(block);
  log.end();
  return log;
}

async function found(log: LogText, words: string, from = 0): Promise<readonly number[]> {
  const told: Found[] = [];
  await search(log, words, from, (one) => told.push(one), new AbortController().signal);
  expect(told.at(-1)?.isOver).toBe(true);
  return told.at(-1)?.lines ?? [];
}

test("lines are found in every block, in any case unless capitals are asked for", async () => {
  const log = logOf("one Error\ntwo\n", "three\nfour error\n");
  expect(await found(log, "error")).toEqual([0, 3]);
  expect(await found(log, "Error")).toEqual([0]);
});

test("words are found although colours lie between their letters", async () => {
  expect(await found(logOf(`test_000 ${ESC}[32mo${ESC}[1mk${ESC}[0m\n`), "test_000 ok")).toEqual([0]);
});

test("only what is seen is found: neither sequences nor stamps nor what was written over", async () => {
  const log = logOf(`2026-11-22T16:55:40.0000000Z ${ESC}[31mred\nprogress 10 %\rprogress 99 %\n`);
  expect(await found(log, "31m")).toEqual([]);
  expect(await found(log, "2026")).toEqual([]);
  expect(await found(log, "10 %")).toEqual([]);
  expect(await found(log, "99 %")).toEqual([1]);
});

test("a search goes on where the one before ended", async () => {
  expect(await found(logOf("x\nx\nx\n"), "x", 2)).toEqual([2]);
});

test("a search that nobody waits for any more tells nothing", async () => {
  const controller = new AbortController();
  const told: Found[] = [];
  const running = search(logOf("x\n".repeat(200_000)), "x", 0, (one) => told.push(one), controller.signal);
  controller.abort();
  await running;
  expect(told.some((one) => one.isOver)).toBe(false);
});

test("places in a text do not overlap", () => {
  expect(placesOf("aaaa AA", "aa")).toEqual([0, 2, 5]);
  expect(placesOf("aaaa", "")).toEqual([]);
});

test("from line to line one goes round at the ends", () => {
  expect([nextAfter([3, 7], -1), nextAfter([3, 7], 3), nextAfter([3, 7], 7), nextAfter([], 1)]).toEqual([0, 1, 0, -1]);
  expect([lastBefore([3, 7], 9), lastBefore([3, 7], 7), lastBefore([3, 7], 3), lastBefore([], 1)]).toEqual([1, 0, 1, -1]);
});
