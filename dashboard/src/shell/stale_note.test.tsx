// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import type { StaleSource } from "~/api/types";
import { StaleNote } from "./stale_note";

afterEach(cleanup);

function aSource(id: number, minute: number | null): StaleSource {
  const at = minute === null ? null : new Date(Date.UTC(2026, 10, 20, 12, minute)).toISOString();
  return { id, provider: "gitlab", instance: "gitlab.com", scope: `platform/${id}`, last_contact_at: at, reason: `answered 503 (${id})` };
}

function words(): string {
  return screen.getByRole("status").textContent;
}

test("nothing is said where every source is fresh", () => {
  render(<StaleNote of={[]} />);
  expect(screen.queryByRole("status")).toBeNull();
});

test("the one that has been silent longest is named with its reason, the others are counted", () => {
  render(<StaleNote of={[aSource(1, 9), aSource(2, 3), aSource(3, 5)]} />);
  expect(words()).toMatch(/platform\/2 was last heard of .* \(2 more sources .*\): what is shown here/);
  expect(screen.getByText("stale").title).toBe("answered 503 (2)");
});

test("a source that several pages name counts once", () => {
  render(<StaleNote of={[aSource(1, 9), aSource(1, 9)]}>by now it may pass</StaleNote>);
  expect(words()).not.toContain("more source");
  expect(words()).toContain(": by now it may pass.");
});

test("where it is known which source matters, no other is named", () => {
  const { rerender } = render(<StaleNote of={[aSource(1, 9), aSource(2, 3)]} source={1} />);
  expect(words()).toMatch(/platform\/1 was last heard of [^(]*:/);
  rerender(<StaleNote of={[aSource(1, 9)]} source={3} />);
  expect(screen.queryByRole("status")).toBeNull();
  rerender(<StaleNote of={[aSource(1, 9)]} source={null} />);
  expect(screen.queryByRole("status")).toBeNull();
});

test("one that never told anything has been silent longest", () => {
  render(<StaleNote of={[aSource(1, 9), aSource(2, null)]} />);
  expect(words()).toContain("platform/2 was last heard of never");
});
