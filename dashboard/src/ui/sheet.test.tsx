// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { Sheet } from "./sheet";

afterEach(cleanup);

test("its button closes the dialog, which is what gives the focus back, and then its owner is told once", () => {
  const onClose = vi.fn<() => void>();
  render(<Sheet title="Keys" onClose={onClose}>Words</Sheet>);
  const dialog = screen.getByRole<HTMLDialogElement>("dialog");
  expect(dialog.open).toBe(true);

  fireEvent.click(screen.getByRole("button", { name: "Close" }));

  expect([dialog.open, onClose.mock.calls.length]).toEqual([false, 1]);
});

test("a click beside its content closes it, one on its content does not", () => {
  render(<Sheet title="Keys" onClose={() => undefined}>Words</Sheet>);
  const dialog = screen.getByRole<HTMLDialogElement>("dialog");
  fireEvent.click(screen.getByText("Words"));
  expect(dialog.open).toBe(true);
  fireEvent.click(dialog);
  expect(dialog.open).toBe(false);
});

test("one that its owner takes away is closed while it is still in the page", () => {
  const { unmount } = render(<Sheet title="Keys" onClose={() => undefined}>Words</Sheet>);
  const dialog = screen.getByRole<HTMLDialogElement>("dialog");
  const there: boolean[] = [];
  vi.spyOn(dialog, "close").mockImplementation(() => void there.push(dialog.isConnected));
  unmount();
  expect(there).toEqual([true]);
});

test("it stays open where effects run twice", () => {
  render(<StrictMode><Sheet title="Keys" onClose={() => undefined}>Words</Sheet></StrictMode>);
  expect(screen.getByRole<HTMLDialogElement>("dialog").open).toBe(true);
});
