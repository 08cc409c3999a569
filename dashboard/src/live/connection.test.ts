// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Connection, type Socket } from "./connection";
import { currentLink, onBatch, type Batch } from "./store";
import { aBuild } from "~/builds/sample";

/** The other end of a socket, as a test says it. */
class Script extends EventTarget {
  readyState = 1;
  said: unknown[] = [];

  send(text: string): void {
    this.said.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  says(...messages: object[]): void {
    for (const message of messages) this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) }));
  }

  ends(code: number): void {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
}

const HELLO = { type: "hello", epoch: "6f1c", head: 41 };

function event(pos: number, id = pos): object {
  return { type: "status", pos, prev_pos: pos - 1, subject_kind: "build", build_id: id, data: { build: aBuild(id) } };
}

let lines: Script[];
let batches: Batch[];
let connection: Connection;
let isRefused: boolean;
let stopHearing: () => void;

const line = (): Script => lines.at(-1) ?? new Script();

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(1);
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no network in this test")));
  lines = [];
  batches = [];
  isRefused = false;
  stopHearing = onBatch((batch) => batches.push(batch));
  const dial = (): Socket => {
    const script = new Script();
    lines.push(script);
    return script as unknown as Socket;
  };
  connection = new Connection(dial, () => Promise.resolve(isRefused));
});

afterEach(() => {
  connection.stop();
  stopHearing();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test("a burst of five hundred events is told in one batch, of each build the last", () => {
  line().says(HELLO);
  vi.advanceTimersByTime(200);
  line().says(...Array.from({ length: 500 }, (_, place) => event(42 + place, place % 100)));
  vi.advanceTimersByTime(200);
  expect(batches.map((batch) => [batch.isResync, batch.builds.size])).toEqual([[true, 0], [false, 100]]);
});

test("after a cut the page goes on where it was, and hears every event once", () => {
  line().says(HELLO, event(42), event(43));
  line().ends(1006);
  expect(currentLink().state).toBe("lost");
  vi.advanceTimersByTime(500);
  expect(lines).toHaveLength(2);
  line().says({ ...HELLO, head: 45 }, event(46));
  expect(line().said).toEqual([{ type: "subscribe", epoch: "6f1c", since: 43 }]);
  line().says({ type: "subscribed", since: 43 }, event(44), event(45), event(46));
  vi.advanceTimersByTime(200);
  expect(currentLink().state).toBe("live");
  expect(batches.flatMap((batch) => [...batch.builds.keys()])).toEqual([42, 43, 44, 45, 46]);
});

test("a deleted build is told as gone", () => {
  line().says(HELLO, event(42, 7), { type: "status", pos: 43, prev_pos: 42, subject_kind: "build", build_id: 7, data: { build: null } });
  vi.advanceTimersByTime(200);
  expect([[...(batches[0]?.builds.keys() ?? [])], [...(batches[0]?.gone ?? [])]]).toEqual([[], [7]]);
});

test("a line that is quiet is asked, and left when it does not answer", () => {
  line().says(HELLO);
  vi.advanceTimersByTime(50_000);
  expect(line().said).toEqual([{ type: "subscribe", epoch: "6f1c", since: 41 }]);
  vi.advanceTimersByTime(16_000);
  expect(lines[0]?.readyState).toBe(3);
  expect(lines).toHaveLength(2);
});

test("a server that takes the line and says nothing is not waited for", () => {
  vi.advanceTimersByTime(21_000);
  expect([lines.length, lines[0]?.readyState]).toEqual([2, 3]);
});

test("a line that is quiet and answers is kept", () => {
  line().says(HELLO);
  vi.advanceTimersByTime(50_000);
  line().says({ type: "subscribed", since: 41 });
  vi.advanceTimersByTime(40_000);
  expect(lines).toHaveLength(1);
  expect(currentLink().state).toBe("live");
});

test("words of a line that was left count no more", () => {
  line().says(HELLO);
  vi.advanceTimersByTime(66_000);
  lines[0]?.says(event(42));
  lines[0]?.ends(1006);
  vi.advanceTimersByTime(200);
  expect(batches.flatMap((batch) => [...batch.builds.keys()])).toEqual([]);
  expect(lines).toHaveLength(2);
});

test("a server that lets in and throws out is come back to ever more seldom", () => {
  const pauses = [0, 1, 2].map(() => {
    line().says(HELLO);
    line().ends(1013);
    const pause = (currentLink().retryAt ?? 0) - Date.now();
    vi.advanceTimersByTime(pause);
    return pause;
  });
  expect(pauses).toEqual([500, 1000, 2000]);
});

test("after a message that was not understood the page waits for its reader", () => {
  line().says(HELLO, { type: "error", message: "unknown field" });
  line().ends(4400);
  vi.advanceTimersByTime(600_000);
  expect([lines.length, currentLink().state]).toEqual([1, "refused"]);
  connection.hurry();
  expect(lines).toHaveLength(2);
});

test("where the key is no good any more the page says so, and asks no more by itself", async () => {
  line().says(HELLO);
  isRefused = true;
  line().ends(1008);
  await vi.advanceTimersByTimeAsync(300_000);
  expect([lines.length, currentLink().state]).toEqual([1, "refused"]);
  expect(currentLink().why).toContain("key");
});

test("who cannot wait tries at once", () => {
  line().ends(1006);
  line().ends(1006);
  expect(lines).toHaveLength(1);
  connection.hurry();
  expect(lines).toHaveLength(2);
});

test("that nobody collects is told as it happens, and when somebody does again", () => {
  const scheduler = (pos: number, to: string): object => ({ type: "status", pos, prev_pos: pos - 1, subject_kind: "scheduler", subject_id: 1, data: { to_status: to, reason: "no scheduler has been heard of since 12:05" } });
  line().says(HELLO, scheduler(42, "silent"));
  expect(currentLink().trouble?.words).toContain("since 12:05");
  line().says(scheduler(43, "alive"));
  expect(currentLink().trouble).toBeNull();
});

test("an event about a late word of an old attempt keeps its place in the chain", () => {
  line().says(HELLO, { ...event(42), is_superseded: true }, event(43));
  vi.advanceTimersByTime(200);
  expect(batches.flatMap((batch) => [...batch.builds.keys()])).toEqual([42, 43]);
});
