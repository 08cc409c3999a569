// @vitest-environment node
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LogReader, type LogState } from "./reader";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let answers: Answer[];
let asked: string[];
let stop: (() => void) | undefined;

/** A server that answers in turn; the last answer again and again. */
beforeEach(async () => {
  answers = [];
  asked = [];
  server = createServer((request, response) => {
    asked.push(`${request.url}${request.headers.range === undefined ? "" : ` ${request.headers.range}`}`);
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const real = globalThis.fetch;
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => real(origin + path, init));
  vi.stubGlobal("document", { hidden: false });
});

afterEach(async () => {
  stop?.();
  vi.unstubAllGlobals();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

const HEADERS = { "Content-Type": "text/plain; charset=utf-8" };

function whole(text: string, isComplete: boolean, more: Record<string, string> = {}): Answer {
  return (request, response) => {
    const bytes = Buffer.from(text);
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? Number.NaN);
    const headers = { ...HEADERS, ETag: `W/"${bytes.length}"`, "X-Log-Complete": String(isComplete), ...more };
    if (Number.isNaN(from)) response.writeHead(200, headers).end(bytes);
    else if (from >= bytes.length) response.writeHead(416).end();
    else response.writeHead(206, { ...headers, "Content-Range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }).end(bytes.subarray(from));
  };
}

function problem(status: number, detail: string): Answer {
  return (_, response) => response.writeHead(status, { "Content-Type": "application/problem+json" }).end(JSON.stringify({ status, detail }));
}

function reading(hasJobs = false, isOpen = false): LogReader {
  const reader = new LogReader({ build: 17, attempt: 2, job: hasJobs ? null : 5, hasJobs });
  reader.hurry(isOpen);
  stop = reader.subscribe(() => undefined);
  return reader;
}

async function until(reader: LogReader, holds: (state: LogState) => boolean): Promise<LogState> {
  await vi.waitFor(() => expect(holds(reader.snapshot())).toBe(true), { timeout: 5000, interval: 5 });
  return reader.snapshot();
}

function textOf({ text }: LogState): string[] {
  return Array.from({ length: text.count }, (_, line) => text.line(line));
}

test("a log is asked for until the provider was asked, then read", async () => {
  answers = [(_, response) => response.writeHead(202, { "Retry-After": "1" }).end("{}"), whole("one\ntwo\n", true, { "X-Log-Masked": "3" })];
  const reader = reading();
  await until(reader, (state) => state.phase === "fetched");
  const state = await until(reader, (now) => now.phase === "read");
  expect(textOf(state)).toEqual(["one", "two"]);
  expect([state.isComplete, state.masked]).toEqual([true, 3]);
  expect(asked[0]).toBe("/api/builds/17/log?attempt=2&job=5&wait=8");
});

test("what one job printed since is put at the end, and only that is read", async () => {
  const first = "é".repeat(2000) + "\none\n";
  answers = [whole(first, false), whole(`${first}two\nthr`, false), whole(`${first}two\nthree`, true)];
  const reader = reading();
  await until(reader, (state) => state.phase === "read");
  reader.again();
  await until(reader, (state) => state.text.count === 4);
  reader.again();
  const state = await until(reader, (now) => now.isComplete);
  expect(textOf(state).slice(1)).toEqual(["one", "two", "three"]);
  expect(asked[1]).toContain(` bytes=${Buffer.byteLength(first) - 1024}-`);
});

test("a log whose end is not what it was is read anew", async () => {
  answers = [whole("secret is abc\n", false), whole("secret is [secret]\nmore\n", true)];
  const reader = reading();
  await until(reader, (state) => state.phase === "read");
  reader.again();
  expect(textOf(await until(reader, (state) => state.isComplete))).toEqual(["secret is [secret]", "more"]);
});

test("a log that became shorter is read anew", async () => {
  answers = [whole("x".repeat(5000), false), whole("short\n", true)];
  const reader = reading();
  await until(reader, (state) => state.phase === "read");
  reader.again();
  expect(textOf(await until(reader, (state) => state.isComplete))).toEqual(["short"]);
});

test("of several jobs' logs any may grow, so all is read anew and shown at once", async () => {
  answers = [whole("==> a <==\none\n\n==> b <==\nx\n", false), whole("==> a <==\none\ntwo\n\n==> b <==\nx\n", true)];
  const reader = reading(true);
  const before = await until(reader, (state) => state.phase === "read");
  reader.again();
  const after = await until(reader, (state) => state.isComplete);
  expect(asked.every((one) => !one.includes("bytes="))).toBe(true);
  expect([before.text.count, after.text.count]).toEqual([5, 6]);
  expect(after.text.folds.map((fold) => fold.start)).toEqual([0, 4]);
});

test("there is no log yet while the build is open, and there is one once it is over", async () => {
  answers = [problem(404, "There is no log: the job has not finished."), whole("done\n", true)];
  const reader = reading(false, true);
  const state = await until(reader, (now) => now.phase === "missing" && now.retryAt !== null);
  expect(state.problem?.detail).toContain("not finished");
  reader.hurry(false);
  expect(textOf(await until(reader, (now) => now.phase === "read"))).toEqual(["done"]);
});

test("once it is over its end is asked for at once, and waited for: then it is complete", async () => {
  const finished = whole("one\ntwo\n", true);
  // As the server does: who will not wait is answered with what there was before.
  const asIs: Answer = (request, response) => (request.url?.includes("wait=0") === true ? whole("one\n", false) : finished)(request, response);
  answers = [whole("one\n", false), asIs];
  const reader = reading(false, true);
  await until(reader, (state) => state.phase === "read" && state.text.count === 1);
  reader.hurry(false);
  expect(textOf(await until(reader, (state) => state.isComplete))).toEqual(["one", "two"]);
  expect(asked).toHaveLength(2);
});

test("what still grows is not waited for", async () => {
  answers = [whole("one\n", false)];
  const reader = reading(false, true);
  await until(reader, (state) => state.phase === "read");
  reader.again();
  await vi.waitFor(() => expect(asked).toHaveLength(2));
  expect(asked[1]).toContain("wait=0");
});

test("a log that may not be read is not asked for again", async () => {
  answers = [problem(403, "This key may not read logs.")];
  const reader = reading();
  const state = await until(reader, (now) => now.phase === "refused");
  expect([state.retryAt, state.problem?.status]).toEqual([null, 403]);
  await new Promise((later) => setTimeout(later, 100));
  expect(asked).toHaveLength(1);
});

test("a provider that cannot be asked is asked again when it says", async () => {
  answers = [(_, response) => response.writeHead(502, { "Retry-After": "30" }).end(JSON.stringify({ detail: "The log could not be fetched." }))];
  const state = await until(reading(), (now) => now.phase === "refused" && now.retryAt !== null);
  expect((state.retryAt ?? 0) - Date.now()).toBeGreaterThan(25_000);
});

test("what was read stays when the server cannot be reached any more", async () => {
  answers = [whole("one\n", false), (request) => request.socket.destroy()];
  const reader = reading();
  await until(reader, (state) => state.phase === "read");
  reader.again();
  const state = await until(reader, (now) => now.problem !== null);
  expect([state.phase, textOf(state)]).toEqual(["read", ["one"]]);
});

test.each([[401, "A key is needed."], [403, "This key may not read logs."], [404, "The log was deleted."]])("a log that was read and may be had no more (%i) stays, says why, and is not asked for again", async (status, detail) => {
  answers = [whole("one\n", false), problem(status, detail)];
  const reader = reading();
  await until(reader, (state) => state.phase === "read");
  reader.again();
  const state = await until(reader, (now) => now.phase === "stopped");
  expect([state.problem?.detail, state.retryAt, textOf(state)]).toEqual([detail, null, ["one"]]);
  await new Promise((later) => setTimeout(later, 100));
  expect(asked).toHaveLength(2);
});

test("a log that grows and cannot be fetched says why, and goes on once it can", async () => {
  answers = [whole("one\n", false), problem(502, "The log could not be fetched."), whole("one\ntwo\n", true)];
  const reader = reading();
  await until(reader, (state) => state.phase === "read");
  reader.again();
  const state = await until(reader, (now) => now.problem !== null);
  expect([state.phase, state.problem?.detail, textOf(state)]).toEqual(["read", "The log could not be fetched.", ["one"]]);
  reader.again();
  const after = await until(reader, (now) => now.isComplete);
  expect([after.problem, textOf(after)]).toEqual([null, ["one", "two"]]);
});

test("nobody listening, nothing is asked; listening again, it is read from the beginning", async () => {
  answers = [whole("one\n", true)];
  const reader = reading();
  await until(reader, (state) => state.phase === "read");
  stop?.();
  stop = reader.subscribe(() => undefined);
  await vi.waitFor(() => expect(asked).toHaveLength(2));
  expect(textOf(await until(reader, (state) => state.phase === "read"))).toEqual(["one"]);
});
