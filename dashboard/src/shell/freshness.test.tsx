// @vitest-environment happy-dom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { caughtUp, heard, unheard } from "~/live/reach";
import { changeLink } from "~/live/store";
import { BREATH_MS, Freshness } from "./freshness";

const ANSWER = { status: 200, headers: new Headers(), url: "/api/builds" };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", () => Promise.resolve(Response.json({ sources: [], next_cursor: null })));
});

afterEach(() => {
  cleanup();
  heard(ANSWER, 0, 0);
  caughtUp();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function show(): QueryClient {
  const client = new QueryClient();
  render(<QueryClientProvider client={client}><Freshness /></QueryClientProvider>);
  return client;
}

test("the stream that comes back while nothing was answered has everything asked for again, once", () => {
  changeLink({ state: "live" });
  unheard();
  const invalidate = vi.spyOn(show(), "invalidateQueries");
  expect(invalidate).not.toHaveBeenCalled();

  for (const state of ["lost", "connecting", "live"] as const) {
    act(() => {
      vi.advanceTimersByTime(1000);
      changeLink({ state });
    });
  }
  act(() => changeLink({ heardAt: 7 }));
  expect(invalidate).not.toHaveBeenCalled();
  act(() => void vi.advanceTimersByTime(2 * BREATH_MS));

  expect(invalidate).toHaveBeenCalledTimes(1);
});

test("answers that come again do not make what is shown fresh yet", () => {
  unheard();
  show();
  expect(screen.getByRole("alert").textContent).toContain("The server cannot be reached");
  act(() => heard(ANSWER, 0, 1));
  expect(screen.queryByRole("alert")).toBeNull();
  expect(screen.getByRole("status").textContent).toContain("The server answers again.");
  act(caughtUp);
  expect(screen.queryByRole("status")).toBeNull();
});
