// @vitest-environment happy-dom
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { Boundary } from "./boundary";
import { Staged } from "./staged";
import type { View } from "~/views";

afterEach(cleanup);

function aView(load: View["load"]): View {
  return { path: "/there", title: "There", icon: "grid", load, component: null };
}

test("a view stands as soon as its script has come, and at once from then on", async () => {
  let come: () => void = () => undefined;
  const view = aView(() => new Promise((resolve) => (come = () => resolve({ default: () => "the view" }))));
  const first = render(<Staged view={view} path="/there" />);
  expect(screen.getByRole("status", { name: "Loading" })).toBeTruthy();
  await act(async () => come());
  expect(first.container.textContent).toBe("the view");
  first.unmount();
  expect(render(<Staged view={view} path="/there" />).container.textContent).toBe("the view");
});

test("a view whose script cannot be had says so", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  const view = aView(() => Promise.reject(new TypeError("Failed to fetch dynamically imported module: /app/assets/there.js")));
  render(<Boundary><Staged view={view} path="/there" /></Boundary>);
  expect((await screen.findByRole("alert")).textContent).toContain("This part of the page could not be fetched.");
  vi.restoreAllMocks();
});
