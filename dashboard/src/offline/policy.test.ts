import { expect, test } from "vitest";
import * as reach from "~/live/reach";
import { SPANS } from "~/state/scope";
import { VIEWS } from "~/views";
import { KEPT_AT, MOVING, Refusals, cannotAnswer, endOf, isWorthKeeping, nameOf, outdated, wayOf, type Asked } from "./policy";

const ORIGIN = "https://builds.example.com";
const NOON = Date.UTC(2026, 10, 20, 12);

function way(path: string, changes: Partial<Asked> = {}): string {
  return wayOf({ url: new URL(path, ORIGIN), method: "GET", isPage: false, isSpecial: false, ...changes }, ORIGIN);
}

test.each(VIEWS.map((view) => view.path.replace(":id", "7")))("the page at %s opens without the network", (path) => {
  expect(way(path, { isPage: true })).toBe("page");
});

test.each(["/api/docs", "/metrics", "/cc.xml", "/buildsystem"])("%s is no view", (path) => {
  expect(way(path, { isPage: true })).toBe("pass");
});

test("answers that views show are kept", () => {
  expect([way("/api/builds?limit=100"), way("/api/metrics/overview"), way("/api/incidents/7")]).toEqual(["answer", "answer", "answer"]);
});

test.each(["/api/builds?format=csv", "/api/builds/7/log?attempt=1", "/api/logs/github/7", "/api/openapi.json", "/api/builds?access_token=x"])("%s is not kept", (path) => {
  expect(way(path)).toBe("pass");
});

test("the grid and the first page of a list are kept, what is asked for in passing is not", () => {
  expect(["/api/waterfall?limit=13", "/api/builds?limit=100", "/api/builds?commit_sha=a"].map((path) => way(path))).toEqual(["answer", "answer", "answer"]);
  expect(["/api/waterfall?commit_sha=a%2Cb", "/api/waterfall?limit=37&cursor=x", "/api/builds?limit=100&cursor=x"].map((path) => way(path))).toEqual(["pass", "pass", "pass"]);
});

test("a list that is shown whole or not at all is kept to its end", () => {
  expect(way("/api/pipelines?limit=200&cursor=x")).toBe("answer");
});

test("nothing that was asked with a key in it is kept, nor what changes something", () => {
  expect([way("/api/builds", { isSpecial: true }), way("/api/collect/trigger", { method: "POST" })]).toEqual(["pass", "pass"]);
});

test("who signs in or out leaves nothing behind", () => {
  expect([way("/api/session", { method: "POST" }), way("/api/session", { method: "DELETE" })]).toEqual(["forget", "forget"]);
});

test("asking who one is leaves everything where it is", () => {
  expect(way("/api/session")).toBe("caller");
});

test("only answers that a session was needed for end with it", () => {
  const caller = { is_signed_in: true, expires_at: "2026-11-20T12:00:00Z", is_reading_free: false };
  expect(endOf(caller)).toBe("2026-11-20T12:00:00Z");
  expect(endOf({ ...caller, is_reading_free: true })).toBeNull();
  expect(endOf({ ...caller, is_signed_in: false, expires_at: null })).toBeNull();
});

test("other hosts are none of its business", () => {
  expect(wayOf({ url: new URL("https://elsewhere.example.com/api/builds"), method: "GET", isPage: false, isSpecial: false }, ORIGIN)).toBe("pass");
});

test("files with their digest in the name come from here, others from the network first", () => {
  expect([way("/app/assets/main-abc.js"), way("/app/theme.js")]).toEqual(["asset", "file"]);
});

function windowed(from: number): URL {
  return new URL(`/api/builds?since=${new Date(from).toISOString()}&limit=100`, ORIGIN);
}

test("the last day is found again an hour later, but never for the last week", () => {
  const day = 86_400_000;
  const kept = nameOf(windowed(NOON - day), NOON + 60_000);
  expect(nameOf(windowed(NOON + 3_600_000 - day), NOON + 3_700_000)).toBe(kept);
  expect(nameOf(windowed(NOON - 7 * day), NOON + 60_000)).not.toBe(kept);
});

test("a window that somebody fixed at an instant keeps its own name, of any hour", () => {
  const [odd, whole] = [NOON - 86_400_000 + 1, NOON - 5 * 3_600_000].map(windowed);
  expect([odd, whole].map((url) => url && nameOf(url, NOON + 60_000))).toEqual([odd, whole].map((url) => url && url.pathname + url.search));
});

test("page and worker have the same moving windows", () => {
  expect([...MOVING]).toEqual(Object.values(SPANS).map(({ length }) => length));
});

test("page and worker agree on which answers are none", () => {
  const statuses = Array.from({ length: 400 }, (_, place) => 200 + place);
  expect(statuses.filter(cannotAnswer)).toEqual([502, 503, 504]);
  expect(statuses.filter(reach.cannotAnswer)).toEqual([502, 503, 504]);
});

test("a server is away when it refuses two questions in a row, not when it refuses one again and again", () => {
  const refusals = new Refusals();
  const asked: [string, number][] = [["/a", 503], ["/a", 503], ["/b", 200], ["/b", 503], ["/a", 502], ["/b", 503], ["/c", 404]];
  expect(asked.map(([url, status]) => refusals.isAway({ url, status }))).toEqual([false, false, false, false, true, true, false]);
});

test("a window with two ends keeps its own name", () => {
  const url = new URL("/api/builds?since=2026-11-01T00:00:00Z&until=2026-11-02T00:00:00Z", ORIGIN);
  expect(nameOf(url, NOON)).toBe(url.pathname + url.search);
});

test("only whole JSON answers that may be stored are worth it", () => {
  const answer = (status: number, type: string, control = "private, no-cache"): Response => new Response("{}", { status, headers: { "Content-Type": type, "Cache-Control": control } });
  expect(isWorthKeeping(answer(200, "application/json"))).toBe(true);
  expect([answer(404, "application/json"), answer(200, "text/csv"), answer(200, "application/json", "no-store")].map(isWorthKeeping)).toEqual([false, false, false]);
});

test("the version before stays, for pages that are still open; older ones go", () => {
  expect(outdated(["shell 1", "answers", "shell 2", "shell 3"], "shell 3")).toEqual(["shell 1"]);
});

test("page and worker call the age of an answer by one name", () => {
  expect(KEPT_AT).toBe(reach.KEPT_AT);
});
