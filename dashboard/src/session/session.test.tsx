// @vitest-environment happy-dom
import { act, cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { send } from "~/api/request";
import { useKeyed } from "./keyed";
import { SessionMenu } from "./session_menu";
import { look, type Caller } from "./session";

const SESSION = { name: "ada", scopes: ["collect", "read"], expires_at: "2999-01-01T00:00:00Z" };
const NOBODY: Caller = { is_signed_in: false, name: null, scopes: ["read"], expires_at: null, is_reading_free: true };

/** A server that wants a session for deeds, and gives one for the right key. */
function serve(allows = "collect, read"): { deeds: number; isOpen: boolean } {
  const server = { deeds: 0, isOpen: false, allows };
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
    const answer = (status: number, body: object): Response => Response.json(body, { status });
    if (path === "/api/session" && init.method === undefined) return Promise.resolve(answer(200, server.isOpen ? { ...NOBODY, ...SESSION, is_signed_in: true } : NOBODY));
    if (path === "/api/session" && init.method === "DELETE") {
      server.isOpen = false;
      return Promise.resolve(new Response(null, { status: 204 }));
    }
    if (path === "/api/session") {
      const asked = JSON.parse(String(init.body)) as { key: string; scope: string };
      if (!server.allows.includes(asked.scope)) return Promise.resolve(answer(403, { title: "Forbidden", detail: `The key ada may ${server.allows}; this needs ${asked.scope}.` }));
      server.isOpen = asked.key === "bo_live_right";
      return Promise.resolve(server.isOpen ? answer(201, SESSION) : answer(401, { title: "Unauthorized", detail: "The key is not valid." }));
    }
    if (!server.isOpen) return Promise.resolve(answer(401, { title: "Unauthorized", detail: "This needs a key with the scope collect: send Authorization: Bearer bo_live_…" }));
    server.deeds += 1;
    return Promise.resolve(answer(202, {}));
  });
  return server;
}

function Deed() {
  const { attempt, sheet } = useKeyed("to poll now", "collect");
  return (
    <>
      <SessionMenu />
      <button type="button" onClick={() => void attempt(async () => void (await send("POST", "/api/collect/trigger", {})))}>Do it</button>
      {sheet}
    </>
  );
}

async function present(key: string): Promise<void> {
  fireEvent.click(screen.getByRole("button", { name: "Do it" }));
  fireEvent.change(await screen.findByLabelText("Key"), { target: { value: key } });
  fireEvent.click(screen.getByRole("button", { name: /Sign in/ }));
}

beforeEach(() => localStorage.clear());
afterEach(async () => {
  cleanup();
  await answering(NOBODY);
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
  Reflect.deleteProperty(navigator, "serviceWorker");
});

/** The server says this of the caller from now on; returns what else it was asked. */
async function answering(caller: Caller): Promise<string[]> {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
    if (init.method === undefined) return Promise.resolve(Response.json(caller));
    asked.push(`${init.method} ${path}`);
    return Promise.resolve(new Response(null, { status: 204 }));
  });
  await look();
  return asked;
}

test("a deed without a session asks for a key, and goes on once it has one", async () => {
  const server = serve();
  render(<Deed />);
  await present("bo_live_right");
  await waitFor(() => expect(server.deeds).toBe(1));
  await waitFor(() => expect(screen.queryByLabelText("Key")).toBeNull());
});

test("who is asked for a key is told what it must allow, not what a program would send", async () => {
  serve();
  render(<Deed />);
  fireEvent.click(screen.getByRole("button", { name: "Do it" }));
  await screen.findByLabelText("Key");
  expect(screen.getByText("This needs a key with the scope collect.")).not.toBeNull();
});

test("with a session nobody is asked again", async () => {
  const server = serve();
  render(<Deed />);
  await present("bo_live_right");
  await waitFor(() => expect(server.deeds).toBe(1));
  fireEvent.click(screen.getByRole("button", { name: "Do it" }));
  await waitFor(() => expect(server.deeds).toBe(2));
  expect(screen.queryByLabelText("Key")).toBeNull();
});

test("a wrong key is said to be wrong, and nothing is done", async () => {
  const server = serve();
  render(<Deed />);
  await present("bo_live_wrong");
  expect((await screen.findByRole("alert")).textContent).toContain("The key is not valid.");
  expect(server.deeds).toBe(0);
});

test("a key that may not do it leaves nobody signed in, and its scope is said", async () => {
  const server = serve("read");
  render(<Deed />);
  await present("bo_live_right");
  expect((await screen.findByRole("alert")).textContent).toContain("The key ada may read; this needs collect.");
  expect([server.isOpen, server.deeds]).toEqual([false, 0]);
  expect(screen.queryByText("ada", { selector: ".session-name" })).toBeNull();
  expect(screen.getByLabelText<HTMLInputElement>("Where the server runs, this makes one").value).toBe("observatory key create NAME --scope read --scope collect");
});

test("the field for the key has the focus", async () => {
  serve();
  render(<Deed />);
  fireEvent.click(screen.getByRole("button", { name: "Do it" }));
  const field = await screen.findByLabelText("Key");
  expect(document.activeElement).toBe(field);
});

test("the key is kept nowhere, only whose it is and until when", async () => {
  serve();
  render(<Deed />);
  await present("bo_live_right");
  await screen.findByText("ada", { selector: ".session-name" });
  expect(JSON.stringify(localStorage)).not.toContain("bo_live");
});

test("signing out ends the session at the server and shows none", async () => {
  serve();
  render(<Deed />);
  await present("bo_live_right");
  await screen.findByText("ada", { selector: ".session-name" });
  fireEvent.click(screen.getByRole("button", { name: "Sign out", hidden: true }));
  await waitFor(() => expect(screen.queryByText("ada", { selector: ".session-name" })).toBeNull());
});

test("a session of before is shown because the server says so, not because of anything kept here", async () => {
  await answering({ ...NOBODY, ...SESSION, is_signed_in: true });
  render(<SessionMenu />);
  await screen.findByText("ada", { selector: ".session-name" });
  expect(localStorage.length).toBe(0);
});

test("who presents no session is shown as nobody", async () => {
  await answering(NOBODY);
  render(<SessionMenu />);
  await act(() => Promise.resolve());
  expect(screen.queryByText("ada", { selector: ".session-name" })).toBeNull();
});

/** A session that ends in five seconds by this clock, and what the server says once it has; what server and worker were told. */
async function ending(isFree: boolean, then: () => Promise<Response>): Promise<{ asked: string[]; told: unknown[]; reload: ReturnType<typeof vi.spyOn> }> {
  vi.useFakeTimers();
  const reload = vi.spyOn(window.location, "reload").mockReturnValue();
  const session = { ...NOBODY, ...SESSION, is_signed_in: true, is_reading_free: isFree, expires_at: new Date(Date.now() + 5000).toISOString() };
  const asked = await answering(session);
  const before = globalThis.fetch;
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => (init.method === undefined && Date.now() >= Date.parse(session.expires_at) ? then() : before(path, init)));
  const told: unknown[] = [];
  Object.defineProperty(navigator, "serviceWorker", { configurable: true, value: { controller: { postMessage: (words: unknown) => told.push(words) } } });
  render(<SessionMenu />);
  return { asked, told, reload };
}

const over = (isFree: boolean) => (): Promise<Response> => Promise.resolve(Response.json({ ...NOBODY, is_reading_free: isFree }));

test.each([["the server says so", over(false)], ["nobody can be asked", () => Promise.reject(new Error("no network"))]])("a session ends at its instant, and what it was needed for goes at once: %s", async (_, then) => {
  const { asked, told, reload } = await ending(false, then);
  await act(() => vi.advanceTimersByTimeAsync(4900));
  expect(screen.queryByText("ada", { selector: ".session-name" })).not.toBeNull();
  expect(reload).not.toHaveBeenCalled();

  await act(() => vi.advanceTimersByTimeAsync(200));
  expect(screen.queryByText("ada", { selector: ".session-name" })).toBeNull();
  // To the server it might mean the session that another page has just begun.
  expect([asked, told]).toEqual([[], ["forget"]]);
  expect(reload).toHaveBeenCalledOnce();
});

test("a clock that goes ahead of the server's ends no session", async () => {
  const { told, reload } = await ending(false, () => Promise.resolve(Response.json({ ...NOBODY, ...SESSION, is_signed_in: true, is_reading_free: false, expires_at: new Date(Date.now() - 1).toISOString() })));
  await act(() => vi.advanceTimersByTimeAsync(20_000));
  expect(screen.queryByText("ada", { selector: ".session-name" })).not.toBeNull();
  expect([told, reload.mock.calls]).toEqual([[], []]);
});

test("where reading is free what is shown stays when a session ends", async () => {
  const { told, reload } = await ending(true, over(true));
  await act(() => vi.advanceTimersByTimeAsync(5100));
  expect(screen.queryByText("ada", { selector: ".session-name" })).toBeNull();
  expect([told, reload.mock.calls]).toEqual([[], []]);
});

test("a session that ends in years is not over when a timer can wait no longer", async () => {
  vi.useFakeTimers();
  const wanted = vi.spyOn(globalThis, "setTimeout");
  await answering({ ...NOBODY, ...SESSION, is_signed_in: true });
  vi.stubGlobal("fetch", () => Promise.reject(new Error("no network")));

  await vi.advanceTimersByTimeAsync(2 ** 31);

  render(<SessionMenu />);
  expect(screen.queryByText("ada", { selector: ".session-name" })).not.toBeNull();
  expect(Math.max(...wanted.mock.calls.map(([, ms]) => ms ?? 0))).toBe(2 ** 31 - 1);
});

test("a server that takes for ever over who one is counts as away", async () => {
  vi.useFakeTimers();
  const late: AbortSignal[] = [];
  vi.stubGlobal("fetch", (_: string, { signal }: { signal: AbortSignal }) => new Promise((_resolve, reject) => {
    late.push(signal);
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  }));
  const limit = vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("late")), ms);
    return controller.signal;
  });
  const answered = look();

  await vi.advanceTimersByTimeAsync(10_000);

  expect(await answered).toBe(false);
  expect([limit.mock.calls, late.length]).toEqual([[[10_000]], 1]);
});
