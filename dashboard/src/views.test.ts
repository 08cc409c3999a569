// @vitest-environment happy-dom
import { QueryClient } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";
import { VIEWS, prepare } from "./views";

afterEach(() => void vi.unstubAllGlobals());

test("the view of an address is there before anything is drawn, and has asked its first questions", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (url: string) => {
    asked.push(url.split("?", 1)[0] ?? "");
    return Promise.resolve(Response.json({ next_cursor: null, incidents: [] }));
  });
  expect(VIEWS[0]?.component).toBeNull();
  await prepare(new QueryClient(), { pathname: "/", search: "" });
  expect(VIEWS[0]?.component).toBeTypeOf("function");
  expect(asked.toSorted()).toEqual(["/api/builds", "/api/incidents", "/api/metrics/overview"]);
});

test.each(["/builds/7", "/builds/7/"])("%s is the address of a build", async (pathname) => {
  const view = VIEWS.find(({ path }) => path === "/builds/:id");
  const load = vi.spyOn(view ?? expect.fail("no view of builds"), "load").mockResolvedValue({ default: () => null });
  await prepare(new QueryClient(), { pathname, search: "" });
  expect(load).toHaveBeenCalledOnce();
  load.mockRestore();
});

test("an address of no view asks nothing", async () => {
  const fetch = vi.fn();
  vi.stubGlobal("fetch", fetch);
  await prepare(new QueryClient(), { pathname: "/nowhere", search: "" });
  expect(fetch).not.toHaveBeenCalled();
});
