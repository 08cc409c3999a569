// @vitest-environment happy-dom
import { afterEach, expect, test } from "vitest";
import { act, renderHook } from "@testing-library/react";
import { KEPT_AT, caughtUp, heard, onReturn, serverClock, unheard, useReach } from "./reach";

function answer(status = 200, headers: Record<string, string> = {}, url = "/api/builds"): Pick<Response, "headers" | "status" | "url"> {
  return { status, headers: new Headers(headers), url };
}

afterEach(() => {
  heard(answer(), 0, 0);
  caughtUp();
});

test("of kept answers the oldest tells how old the page is", () => {
  const { result } = renderHook(useReach);
  act(() => {
    heard(answer(200, { [KEPT_AT]: "2026-11-20T12:05:00Z" }), 0, 1);
    heard(answer(200, { [KEPT_AT]: "2026-11-20T12:04:00Z" }), 0, 2);
    heard(answer(200, { [KEPT_AT]: "2026-11-20T12:06:00Z" }), 0, 3);
  });
  expect(result.current).toMatchObject({ state: "silent", keptAt: "2026-11-20T12:04:00Z" });
});

test("when answers come again everybody who waits is told, once", () => {
  const { result } = renderHook(useReach);
  let times = 0;
  const stop = onReturn(() => (times += 1));
  act(() => {
    unheard();
    heard(answer(), 0, 5);
    heard(answer(), 0, 6);
  });
  stop();
  expect([result.current.state, times]).toEqual(["returning", 1]);
});

test("what was kept is old until everything was asked for again", () => {
  const { result } = renderHook(useReach);
  const keptAt = "2026-11-20T12:05:00Z";
  act(() => {
    heard(answer(200, { [KEPT_AT]: keptAt }), 0, 1);
    heard(answer(), 0, 2);
  });
  expect(result.current).toMatchObject({ state: "returning", keptAt });
  act(caughtUp);
  expect(result.current).toMatchObject({ state: "answers", keptAt: null });
});

test("a server whose database is away is as silent as one that is gone, and asking again does not make it answer", () => {
  const { result } = renderHook(useReach);
  act(() => {
    heard(answer(503), 0, 1);
    heard(answer(503, {}, "/api/sources"), 0, 1);
  });
  expect(result.current.state).toBe("silent");
  act(caughtUp);
  expect(result.current.state).toBe("silent");
});

test("one question that is too much for the server, however often, does not make it silent while others are answered", () => {
  const { result } = renderHook(useReach);
  act(() => {
    heard(answer(503), 0, 1);
    heard(answer(503), 0, 2);
    heard(answer(200, {}, "/api/sources"), 0, 3);
    heard(answer(503, {}, "/api/triage"), 0, 4);
  });
  expect(result.current.state).toBe("answers");
});

test("one answer that the server has a mistake in says nothing of the others", () => {
  const { result } = renderHook(useReach);
  act(() => heard(answer(500), 0, 1));
  expect(result.current.state).toBe("answers");
});

test("a server that wants a key is not one that cannot be reached", () => {
  const { result } = renderHook(useReach);
  act(() => heard(answer(401), 0, 1));
  expect(result.current.state).toBe("refuses");
});

test("what was kept says nothing of the clock", () => {
  heard(answer(200, { [KEPT_AT]: "2026-11-20T12:05:00Z", "X-As-Of": "2001-01-01T00:00:00Z" }), 0, 1);
  heard(answer(200, { "X-As-Of": new Date(1_000_000).toISOString() }), 999_990, 1_000_010);
  expect(Math.abs(serverClock.at(0))).toBeLessThanOrEqual(10);
});
