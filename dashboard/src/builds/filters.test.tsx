// @vitest-environment happy-dom
import { QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { newQueryClient } from "~/api/use";
import { BuildFilters } from "./filters";

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", () => new Promise(() => undefined));
  window.history.replaceState(null, "", "/");
  render(<QueryClientProvider client={newQueryClient()}><BuildFilters query={{}} /></QueryClientProvider>);
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a search keeps the space after which somebody pauses", () => {
  const field = screen.getByRole<HTMLInputElement>("searchbox", { name: "Search builds" });
  fireEvent.change(field, { target: { value: "deploy " } });
  act(() => vi.advanceTimersByTime(300));
  expect([window.location.search, field.value]).toEqual(["?q=deploy", "deploy "]);
});

test("a year that is typed digit by digit asks once, and of the minute that was typed", () => {
  const field = screen.getByLabelText<HTMLInputElement>("Queued from");
  const steps = window.history.length;
  for (const value of ["0002-11-20T10:00", "0020-11-20T10:00", "0202-11-20T10:00"]) {
    fireEvent.change(field, { target: { value } });
    expect([window.location.search, field.value]).toEqual(["", value]);
  }
  fireEvent.change(field, { target: { value: "2026-11-20T10:00" } });
  expect(new URLSearchParams(window.location.search).get("from")).toBe(new Date("2026-11-20T10:00").toISOString());
  expect([field.value, window.history.length]).toEqual(["2026-11-20T10:00", steps]);
});
