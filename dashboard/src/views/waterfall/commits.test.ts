// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Refused } from "~/api/request";
import { AGAIN_MS } from "~/live/again";
import { Commits, FIRST_MS, MOST_COMMITS } from "./commits";

let asked: string[];
let isBusy: boolean;
let commits: Commits;

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  isBusy = false;
  commits = new Commits({
    some: (names) => Promise.resolve(void asked.push(names.join())),
    all: () => Promise.resolve(void asked.push("all")),
    isBusy: () => isBusy,
  });
});

afterEach(() => {
  commits.stop();
  vi.useRealTimers();
});

test("what happens together is asked for together, soon and once", async () => {
  commits.hear(["a"], false);
  commits.hear(["b", "a"], false);
  await vi.advanceTimersByTimeAsync(FIRST_MS);
  expect(asked).toEqual(["a,b"]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual(["a,b"]);
});

test("one question follows another only after a rest", async () => {
  commits.hear(["a"], false);
  await vi.advanceTimersByTimeAsync(FIRST_MS);
  commits.hear(["b"], false);
  await vi.advanceTimersByTimeAsync(AGAIN_MS - 10);
  expect(asked).toEqual(["a"]);
  await vi.advanceTimersByTimeAsync(20);
  expect(asked).toEqual(["a", "b"]);
});

test("of too many commits, or of a new pipeline, everything is asked for", async () => {
  commits.hear(Array.from({ length: MOST_COMMITS + 1 }, (_, number) => `${number}`), false);
  await vi.advanceTimersByTimeAsync(FIRST_MS);
  commits.hear([], true);
  await vi.advanceTimersByTimeAsync(AGAIN_MS);
  expect(asked).toEqual(["all", "all"]);
});

test("an answer about everything is waited for, which would overwrite what is asked now", async () => {
  isBusy = true;
  commits.hear(["a"], false);
  await vi.advanceTimersByTimeAsync(10 * FIRST_MS);
  expect(asked).toEqual([]);
  isBusy = false;
  await vi.advanceTimersByTimeAsync(FIRST_MS);
  expect(asked).toEqual(["a"]);
});

test("commits whose answer is overwritten by one that set out meanwhile are asked for again", async () => {
  commits = new Commits({
    some: (names) => {
      asked.push(names.join());
      isBusy = asked.length === 1;
      return Promise.resolve();
    },
    all: () => Promise.resolve(void asked.push("all")),
    isBusy: () => isBusy,
  });
  commits.hear(["a"], false);
  await vi.advanceTimersByTimeAsync(10 * AGAIN_MS);
  expect(asked).toEqual(["a"]);
  isBusy = false;
  await vi.advanceTimersByTimeAsync(10 * AGAIN_MS);
  expect(asked).toEqual(["a", "a"]);
});

/** A server that refuses so often. */
function refusing(status: number, times: number): Commits {
  return new Commits({
    some: (names) => {
      asked.push(names.join());
      return asked.length <= times ? Promise.reject(new Refused(status, {})) : Promise.resolve();
    },
    all: () => Promise.resolve(void asked.push("all")),
    isBusy: () => false,
  });
}

test("a question that was wrong is asked as a whole", async () => {
  commits = refusing(404, 9);
  commits.hear(["a"], false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual(["a", "all"]);
});

test.each([0, 429, 503])("a server in trouble (%i) is asked for no more than before, ever more seldom, until it answers", async (status) => {
  commits = refusing(status, 3);
  commits.hear(["a"], false);
  await vi.advanceTimersByTimeAsync(FIRST_MS);
  commits.hear(["b"], false);
  await vi.advanceTimersByTimeAsync(2 * AGAIN_MS - 10);
  expect(asked).toEqual(["a"]);
  await vi.advanceTimersByTimeAsync(20);
  expect(asked).toEqual(["a", "a,b"]);
  await vi.advanceTimersByTimeAsync(4 * AGAIN_MS + 8 * AGAIN_MS);
  expect(asked).toEqual(["a", "a,b", "a,b", "a,b"]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toHaveLength(4);
});

test("who stops is told whether something was still to come, and asks for nothing more", async () => {
  expect(commits.stop()).toBe(false);
  commits.hear(["a"], false);
  expect(commits.stop()).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual([]);
});
