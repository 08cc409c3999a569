// @vitest-environment happy-dom
import { QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { Build } from "~/api/types";
import { newQueryClient } from "~/api/use";
import { aBuild } from "~/builds/sample";
import { publish } from "~/live/store";
import { Stream } from "./stream";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** The list while these are the newest builds by its only answer. */
async function show(...builds: Build[]): Promise<void> {
  vi.stubGlobal("fetch", () => Promise.resolve(Response.json({ builds, next_cursor: null, stale_sources: [], as_of: "2026-11-20T12:00:00Z" })));
  // As the address gives it: another object at every change of it.
  render(<QueryClientProvider client={newQueryClient()}><Stream query={{ repository: "acme/shop" }} /></QueryClientProvider>);
  await screen.findAllByRole("link");
}

function happens(changed: readonly Build[], gone: readonly number[] = []): void {
  act(() => publish({ builds: new Map(changed.map((build) => [build.id, build])), incidents: new Map(), gone: new Set(gone), isResync: false }));
}

function shown(): string[] {
  return screen.queryAllByRole("link").map((link) => link.textContent ?? "");
}

function named(id: number, changes: Partial<Build> = {}): Build {
  return aBuild(id, { pipeline_name: `build ${id}`, ...changes });
}

test("the newest change is on top, of what was answered and of what is new, and of this place alone", async () => {
  await show(named(3), named(2), named(1));
  happens([named(2), named(9, { repository: "acme/api" })]);
  happens([named(4)]);
  expect(shown()).toEqual(["build 4", "build 2", "build 3", "build 1"]);
});

test("a build that was deleted is gone, whether it was answered or told of", async () => {
  await show(named(3), named(2), named(1));
  happens([named(4), named(5)]);
  happens([], [2, 4]);
  expect(shown()).toEqual(["build 5", "build 3", "build 1"]);
});

test("what is answered later than it was told of is what is shown", async () => {
  const told = named(3, { status: "running", recorded_at: "2026-11-20T12:00:00Z" });
  await show(named(3, { status: "failed", recorded_at: "2026-11-20T12:00:05Z" }));
  happens([told]);
  expect(screen.getByText("Failed")).toBeTruthy();
  happens([{ ...told, status: "succeeded", recorded_at: "2026-11-20T12:00:09Z" }]);
  expect(screen.getByText("Succeeded")).toBeTruthy();
});
