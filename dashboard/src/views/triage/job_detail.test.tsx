// @vitest-environment happy-dom
import { QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { JobGroup } from "~/api/types";
import { newQueryClient } from "~/api/use";
import { aBuild } from "~/builds/sample";
import { JobDetail } from "./job_detail";

const AT = "2026-11-20T12:00:00Z";
const GROUP: JobGroup = { name: "unit", builds: 2, pipelines: 1, branches: 1, first_at: AT, last_at: AT, build_ids: [7, 8] } as JobGroup;

/** A server that refuses these builds, until it is mended. */
function serve(...refused: number[]): { mend: () => void } {
  const gone = new Set(refused.map((id) => `/api/builds/${id}`));
  vi.stubGlobal("fetch", (path: string) => {
    if (gone.has(path)) return Promise.resolve(Response.json({ title: "Refused", detail: "not now" }, { status: 400 }));
    const [, id] = /^\/api\/builds\/(\d+)$/.exec(path) ?? [];
    return Promise.resolve(Response.json(id === undefined ? { jobs: [], sources: [], next_cursor: null } : aBuild(Number(id))));
  });
  return { mend: () => gone.clear() };
}

function show(): void {
  render(<QueryClientProvider client={newQueryClient()}><JobDetail group={GROUP} /></QueryClientProvider>);
}

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

test("where no failure can be read, it is said why, and they are there once they can", async () => {
  const server = serve(7, 8);
  show();
  expect((await screen.findByRole("alert")).textContent).toContain("not now");

  server.mend();
  fireEvent.click(screen.getByRole("button", { name: "Try again" }));

  expect(await screen.findAllByRole("row")).toHaveLength(3);
  expect(screen.queryByRole("alert")).toBeNull();
});

test("where one of them cannot be read, the others are shown and it is counted", async () => {
  serve(8);
  show();
  expect(await screen.findByText("1 more build could not be read.")).toBeDefined();
  expect(screen.getAllByRole("row")).toHaveLength(2);
});
