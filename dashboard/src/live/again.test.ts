// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { AGAIN_MS, Again, pauseAfter } from "./again";

let asked: number;
let answer: (() => void) | undefined;
let isSlow: boolean;
let client: QueryClient;
let stop: () => void;

beforeEach(async () => {
  vi.useFakeTimers();
  asked = 0;
  isSlow = false;
  client = new QueryClient();
  const queryFn = (): Promise<number> => {
    asked += 1;
    const now = asked;
    return isSlow ? new Promise((resolve) => { answer = () => resolve(now); }) : Promise.resolve(now);
  };
  stop = new QueryObserver(client, { queryKey: ["/api/metrics/overview"], queryFn }).subscribe(() => undefined);
  await vi.advanceTimersByTimeAsync(10);
});

afterEach(() => {
  stop();
  client.clear();
  setHidden(false);
  vi.useRealTimers();
});

function setHidden(isHidden: boolean): void {
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}

const again = (): Again => new Again(client, () => true);

test("however often something changes, it is asked for once in two seconds", async () => {
  const figures = again();
  for (let tenth = 0; tenth < 20; tenth += 1) {
    figures.ask();
    // oxlint-disable-next-line no-await-in-loop -- time passes step by step
    await vi.advanceTimersByTimeAsync(AGAIN_MS / 10);
  }
  expect(asked).toBe(1 + 2);
});

test("while nobody looks nothing is asked, and all of it when somebody does", async () => {
  const figures = again();
  setHidden(true);
  figures.ask();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(1);
  setHidden(false);
  await vi.advanceTimersByTimeAsync(AGAIN_MS);
  expect(asked).toBe(2);
});

test("a slow answer is waited for, and what changed meanwhile asked for after it", async () => {
  const figures = again();
  isSlow = true;
  figures.ask();
  await vi.advanceTimersByTimeAsync(AGAIN_MS);
  figures.ask();
  await vi.advanceTimersByTimeAsync(10 * AGAIN_MS);
  expect(asked).toBe(2);
  answer?.();
  await vi.advanceTimersByTimeAsync(pauseAfter(10 * AGAIN_MS) + 10);
  expect(asked).toBe(3);
});

test("after a slow answer it rests five times as long", async () => {
  const figures = again();
  isSlow = true;
  figures.ask();
  await vi.advanceTimersByTimeAsync(AGAIN_MS + 3_000);
  answer?.();
  await vi.advanceTimersByTimeAsync(10);
  figures.ask();
  await vi.advanceTimersByTimeAsync(14_000);
  expect(asked).toBe(2);
  await vi.advanceTimersByTimeAsync(1_100);
  expect(asked).toBe(3);
});

test("the rest has bounds", () => {
  expect([0, 100, 1_000, 3_600_000].map(pauseAfter)).toEqual([AGAIN_MS, AGAIN_MS, 5_000, 60_000]);
});

test("only what moved is asked for again", async () => {
  const figures = again();
  figures.ask(({ queryKey }) => queryKey[0] === "/api/triage");
  await vi.advanceTimersByTimeAsync(10 * AGAIN_MS);
  expect(asked).toBe(1);
  figures.ask(({ queryKey }) => queryKey[0] === "/api/metrics/overview");
  figures.ask(() => false);
  await vi.advanceTimersByTimeAsync(AGAIN_MS);
  expect(asked).toBe(2);
});
