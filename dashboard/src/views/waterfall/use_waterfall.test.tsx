// @vitest-environment happy-dom
import { QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, renderHook } from "@testing-library/react";
import type { ReactElement, ReactNode } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Build } from "~/api/types";
import { newQueryClient } from "~/api/use";
import { aBuild } from "~/builds/sample";
import { AGAIN_MS } from "~/live/again";
import { publish } from "~/live/store";
import { FIRST_MS } from "./commits";
import { AT, answer } from "./sample";
import type { Waterfall } from "./types";
import { useWaterfall, type UsedWaterfall } from "./use_waterfall";

/** What was asked and is not answered yet, and what every question was. */
let waiting: { asked: URLSearchParams; reply: (found: Waterfall) => void }[];
let asked: string[];

beforeEach(() => {
  vi.useFakeTimers();
  [waiting, asked] = [[], []];
  vi.stubGlobal("fetch", (path: string) => {
    const search = new URL(path, "http://localhost").searchParams;
    asked.push(search.get("commit_sha") ?? search.get("cursor") ?? "first");
    return new Promise<Response>((resolve) => {
      waiting.push({ asked: search, reply: (found) => resolve(Response.json(found)) });
    });
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function show(): { result: { current: UsedWaterfall }; rerender: () => void } {
  const client = newQueryClient();
  const wrapper = ({ children }: { children: ReactNode }): ReactElement => <QueryClientProvider client={client}>{children}</QueryClientProvider>;
  // As the address gives it: another object at every change of it.
  return renderHook(() => useWaterfall({ repository: "acme/web" }), { wrapper });
}

/** The question that has waited longest. */
async function reply(found: Waterfall): Promise<void> {
  await act(async () => {
    waiting.shift()?.reply(found);
    await vi.advanceTimersByTimeAsync(5);
  });
}

async function pass(milliseconds: number): Promise<void> {
  await act(() => vi.advanceTimersByTimeAsync(milliseconds));
}

async function happens(changes: Partial<Build>): Promise<void> {
  const build = aBuild(10, { pipeline_id: 1, commit_sha: "a", repository: "acme/web", status: "running", recorded_at: AT, ...changes });
  await act(async () => {
    publish({ builds: new Map([[build.id, build]]), incidents: new Map(), gone: new Set(), isResync: false });
    await vi.advanceTimersByTimeAsync(1);
  });
}

/** Commit `a` alone, as it stood. */
function answerAbout(status: "running" | "succeeded" | "failed"): Waterfall {
  const { commits, cells } = answer();
  return answer({ commits: commits.slice(0, 1), cells: cells.slice(0, 1).map((cell) => ({ ...cell, status })) });
}

function statusOf({ current }: { current: UsedWaterfall }): string | undefined {
  return current.rows.find(({ commit }) => commit.sha === "a")?.cells.get("1")?.status;
}

test("what else changes in the address drops no commit that is still to be asked for", async () => {
  const { result, rerender } = show();
  await reply(answer());
  await happens({ status: "running" });
  expect(statusOf(result)).toBe("running");
  for (let key = 0; key < 5; key += 1) rerender();
  await pass(FIRST_MS);
  expect(asked).toEqual(["first", "a"]);
});

test("an answer that set out before an event and comes after it leaves what the event said", async () => {
  const { result } = show();
  await reply(answer());
  await happens({ status: "running" });
  await pass(FIRST_MS);
  await happens({ status: "succeeded" });
  await reply(answerAbout("running"));
  expect(statusOf(result)).toBe("succeeded");
  await pass(AGAIN_MS);
  expect(asked).toEqual(["first", "a", "a"]);
  await reply(answerAbout("failed"));
  expect(statusOf(result)).toBe("succeeded");
});

test("an answer made long after an event stands, whatever the event said", async () => {
  const { result } = show();
  await reply(answer());
  await happens({ status: "running" });
  await pass(FIRST_MS);
  await reply({ ...answerAbout("failed"), as_of: "2026-11-20T12:00:30Z" });
  expect(statusOf(result)).toBe("failed");
});

test("the first answer, too, is corrected by what was told while it was on its way", async () => {
  const { result } = show();
  await pass(10);
  await happens({ status: "running" });
  await reply(answer());
  expect(statusOf(result)).toBe("running");
  await pass(2 * FIRST_MS);
  expect(asked).toEqual(["first", "a"]);
});

test("commits whose answer older ones overwrite are asked for again", async () => {
  const { result } = show();
  await reply(answer({ next_cursor: "older" }));
  expect(asked).toEqual(["first", "older"]);
  await reply(answer({ commits: [], cells: [], next_cursor: "oldest" }));
  expect(asked).toEqual(["first", "older", "oldest"]);
  await reply(answer({ commits: [], cells: [], next_cursor: null }));
  await happens({ status: "running" });
  await pass(FIRST_MS);
  expect(asked.slice(3)).toEqual(["a"]);

  // While commits are asked for, everything is asked for again.
  act(() => void result.current.answers.refetch());
  await reply(answerAbout("succeeded"));
  await reply(answer());
  await pass(2 * AGAIN_MS);
  expect(asked.slice(3)).toEqual(["a", "first", "a"]);
});

test("the rest follows what the window shows, and older commits come in steps of as many again", async () => {
  const { result } = show();
  await pass(5);
  const first = Number(waiting[0]?.asked.get("limit"));
  expect(first).toBeLessThan(50);
  const many = (name: string, count: number): Waterfall => answer({
    commits: Array.from({ length: count }, (_, place) => ({ sha: `${name} ${place}`, message: null, author: null, repository: null, queued_at: AT })), cells: [], next_cursor: name,
  });
  await reply(many("one", first));
  expect(waiting.map(({ asked: search }) => [search.get("cursor"), search.get("limit")])).toEqual([["one", String(50 - first)]]);
  await reply(many("two", 50 - first));
  expect(waiting).toEqual([]);

  act(() => result.current.more());
  await pass(5);
  expect(waiting.map(({ asked: search }) => [search.get("cursor"), search.get("limit")])).toEqual([["two", "50"]]);
});
