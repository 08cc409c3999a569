// @vitest-environment happy-dom
import { QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, renderHook, waitFor } from "@testing-library/react";
import type { ReactElement, ReactNode } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { newQueryClient } from "~/api/use";
import { aBuild } from "~/builds/sample";
import { publish } from "~/live/store";
import { useAround, useEvidence, useLatest, useNewest, useNews } from "./use_mine";

const PLACE = { pipeline_id: 1, branch: "main" };
const ANSWERS: Readonly<Record<string, object>> = {
  "/api/builds": { builds: [aBuild(9)] },
  "/api/incidents": { incidents: [] },
  "/api/triage": { jobs: [{ name: "unit", branches: 3 }, { name: null, branches: 2 }] },
};

/** A server that refuses the paths named, until it is mended. */
function serve(...refused: string[]): { mend: () => void } {
  const broken = new Set(refused);
  vi.stubGlobal("fetch", (path: string) => {
    const [name = ""] = path.split("?");
    return Promise.resolve(broken.has(name) ? Response.json({ title: "Refused", detail: `not ${name}` }, { status: 400 }) : Response.json(ANSWERS[name] ?? {}));
  });
  return { mend: () => broken.clear() };
}

function asked<Found>(hook: () => Found): { result: { current: Found } } {
  const client = newQueryClient();
  return renderHook(hook, { wrapper: ({ children }: { children: ReactNode }): ReactElement => <QueryClientProvider client={client}>{children}</QueryClientProvider> });
}

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test.each(["/api/incidents", "/api/triage"])("what goes on around is not awaited for ever where %s is refused, and is there once it is not", async (path) => {
  const server = serve(path);
  const { result } = asked(() => useAround([1]));
  await waitFor(() => expect(result.current).toMatchObject({ around: undefined, error: { message: `not ${path}` } }));

  server.mend();
  act(() => result.current.again());

  await waitFor(() => expect(result.current).toMatchObject({ around: { elsewhere: new Map([["unit", 3]]) }, error: null }));
});

test("the newest verdicts are not awaited for ever where they are refused, and are there once they are not", async () => {
  const server = serve("/api/builds");
  const { result } = asked(() => useLatest([PLACE]));
  await waitFor(() => expect(result.current).toMatchObject({ isAll: false, error: { message: "not /api/builds" } }));

  server.mend();
  act(() => result.current.again());

  await waitFor(() => expect(result.current).toMatchObject({ isAll: true, error: null, latest: new Map([["1 main", { id: 9 }]]) }));
});

test("where nothing failed, nothing is asked and nothing is wrong", () => {
  serve();

  expect(asked(() => useAround([])).result.current).toMatchObject({ around: undefined, error: null });
});

test("the jobs of a build that are refused are why its reasons are missing", async () => {
  serve("/api/builds/9/jobs");
  const build = aBuild(9, { status: "failed" });

  const { result } = asked(() => useEvidence(build, { incidents: new Map(), elsewhere: new Map() }));

  await waitFor(() => expect(result.current).toMatchObject({ evidence: undefined, error: { message: "not /api/builds/9/jobs" } }));
});

const NAMES = ["ada"];

test("what somebody built has each of their lists asked for once more, what others did none", async () => {
  vi.useFakeTimers();
  serve();
  const answers = vi.spyOn(globalThis, "fetch");
  const happens = (author: string): void => publish({ builds: new Map([[12, aBuild(12, { author })]]), incidents: new Map(), gone: new Set(), isResync: false });
  asked(() => {
    useNews(NAMES);
    return [useNewest({ author: "ada" }), useNewest({ author: "ada", status: "running" })];
  });
  await act(() => vi.advanceTimersByTimeAsync(0));
  expect(answers).toHaveBeenCalledTimes(2);

  happens("grace");
  await act(() => vi.advanceTimersByTimeAsync(5_000));
  expect(answers).toHaveBeenCalledTimes(2);

  happens("ada");
  await act(() => vi.advanceTimersByTimeAsync(5_000));
  expect(answers).toHaveBeenCalledTimes(4);
});
