import { expect, test } from "vitest";
import { duration } from "~/lib/time";
import type { Receiver, Route, Silence } from "./types";
import { either, holdWords, receiverLook, silenceWords, whatWords, whereWords } from "./words";

function aRoute(changes: Partial<Route> = {}): Route {
  return {
    name: "default", receivers: ["chat"], provider: [], instance: [], project: [], team: [], repository: [], pipeline: [], branch: ["@default"],
    on: ["broke", "flapping", "fixed"], confirm: 1, novel_only: false, quiet_hours: null, repeat_every: null, every_transition: false, status: [],
    origin: "file", author: null, changed_at: null, ...changes,
  };
}

function aReceiver(changes: Partial<Receiver> = {}): Receiver {
  return {
    kind: "slack", name: "chat", group_wait: 3, group_interval: 15, digest: "daily", digest_at: "09:00:00", timezone: "UTC", operations: null, origin: "file",
    author: null, changed_at: "2026-11-20T12:00:00Z", is_openable: true, problem: null, last_sent_at: "2026-11-20T12:00:00Z", off_since: null, off_reason: null, ...changes,
  };
}

test("a route says what it tells", () => {
  expect(whatWords(aRoute())).toBe("when a pipeline breaks, flaps or is fixed");
  expect(whatWords(aRoute({ on: ["still_failing"] }))).toBe("when a pipeline keeps failing");
});

test("the raw feed says that it is one, and of which statuses", () => {
  expect(whatWords(aRoute({ every_transition: true }))).toBe("of every change of a build’s status, one message each");
  expect(whatWords(aRoute({ every_transition: true, status: ["failed", "timed_out"] }))).toBe("of every change of a build’s status to failed or timed out, one message each");
});

test("a route says where it looks, patterns and all", () => {
  expect(whereWords({ ...aRoute({ repository: ["acme/*", "lumen/*"], branch: ["main", "release/*"] }) })).toEqual(["repository acme/* or lumen/*", "on branch main or branch release/*"]);
  expect(whereWords({ ...aRoute() })).toEqual(["on each pipeline’s default branch"]);
});

test("a route without conditions is held back by nothing of its own", () => {
  expect(holdWords(aRoute(), duration)).toEqual([]);
});

test("a route says when it does not tell, and when it tells again", () => {
  const quiet = { start: "22:00:00", end: "07:00:00", timezone: "Europe/Berlin", days: ["sat" as const, "sun" as const] };
  expect(holdWords(aRoute({ confirm: 3, novel_only: true, quiet_hours: quiet, repeat_every: 14_400 }), duration)).toEqual([
    "not before 3 failures in a row",
    "not where one of the last 100 builds failed in the same jobs",
    "not from 22:00 to 07:00 Europe/Berlin, on Sat, Sun",
    "again every 4 h 00 m while it is broken",
  ]);
});

test("a receiver that is off or cannot send says why nothing arrives", () => {
  expect(receiverLook(aReceiver()).problem).toBeNull();
  expect(receiverLook(aReceiver({ off_since: "2026-11-20T12:00:00Z", off_reason: "channel_not_found" }))).toMatchObject({ word: "Off", tone: "bad", problem: "channel_not_found" });
  expect(receiverLook(aReceiver({ is_openable: false, problem: "SLACK_URL is not set" }))).toMatchObject({ word: "Cannot send", problem: "SLACK_URL is not set" });
});

test("a receiver that took no message yet is not said to work", () => {
  expect(receiverLook(aReceiver({ last_sent_at: null })).word).toBe("Ready");
});

test("a silence says what it holds, one pattern or several, or that it is everything", () => {
  expect(silenceWords({ matchers: { repository: "acme/shop", branch: ["main"] } } as unknown as Silence)).toBe("repository acme/shop · on branch main");
  expect(silenceWords({ matchers: {} } as Silence)).toBe("everything");
});

test("words are joined as people join them", () => {
  expect([either([]), either(["a"]), either(["a", "b"]), either(["a", "b", "c"])]).toEqual(["", "a", "a or b", "a, b or c"]);
});
