import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { send } from "~/api/request";
import { useKeyed } from "./keyed";
import { SessionMenu } from "./session_menu";
import { sessionOr } from "./session";

const SESSION = { name: "ada", scopes: ["collect", "read"], expires_at: "2999-01-01T00:00:00Z" };

/** A server that wants a session for deeds, and gives one for the right key. */
function serve(): { deeds: number } {
  const server = { deeds: 0, isOpen: false };
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
    const answer = (status: number, body: object): Response => Response.json(body, { status });
    if (path === "/api/session" && init.method === "DELETE") {
      server.isOpen = false;
      return Promise.resolve(new Response(null, { status: 204 }));
    }
    if (path === "/api/session") {
      server.isOpen = String(init.body).includes("bo_live_right");
      return Promise.resolve(server.isOpen ? answer(201, SESSION) : answer(401, { title: "Unauthorized", detail: "The key is not valid." }));
    }
    if (!server.isOpen) return Promise.resolve(answer(401, { title: "Unauthorized", detail: "This needs a key with the scope collect." }));
    server.deeds += 1;
    return Promise.resolve(answer(202, {}));
  });
  return server;
}

function Deed() {
  const { attempt, sheet } = useKeyed("to poll now");
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
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

test("a deed without a session asks for a key, and goes on once it has one", async () => {
  const server = serve();
  render(<Deed />);
  await present("bo_live_right");
  await waitFor(() => expect(server.deeds).toBe(1));
  await waitFor(() => expect(screen.queryByLabelText("Key")).toBeNull());
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

test("what lies in the store and is no session is none", () => {
  expect(sessionOr({ name: "ada" })).toBeNull();
  expect(sessionOr("x")).toBeNull();
  expect(sessionOr(SESSION)).toEqual(SESSION);
});
