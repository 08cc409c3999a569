// @vitest-environment happy-dom
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Combobox } from "./combobox";

const NAMES = ["main", "main-2", "release"].map((value) => ({ value }));

// This environment has no popovers.
beforeEach(() => {
  HTMLElement.prototype.hidePopover = () => undefined;
});
afterEach(cleanup);

function open(options = NAMES): { chosen: (string | null)[]; field: HTMLElement; offer: (fewer: typeof NAMES) => void } {
  const chosen: (string | null)[] = [];
  const box = (offered: typeof NAMES): React.ReactElement => <Combobox label="Branch" value={null} options={offered} onChoose={(value) => chosen.push(value)} />;
  const { rerender } = render(box(options));
  const toggled = Object.assign(new Event("toggle"), { newState: "open" });
  act(() => void document.querySelector("[popover]")?.dispatchEvent(toggled));
  return { chosen, field: screen.getByRole("combobox", { hidden: true }), offer: (fewer) => rerender(box(fewer)) };
}

test("Enter takes what the arrows led to", () => {
  const { chosen, field } = open();
  fireEvent.keyDown(field, { key: "ArrowDown" });
  fireEvent.keyDown(field, { key: "Enter" });
  expect(chosen).toEqual(["main-2"]);
});

test("Enter that ends a word of an input method chooses nothing", () => {
  const { chosen, field } = open();
  fireEvent.keyDown(field, { key: "Enter", isComposing: true });
  expect(chosen).toEqual([]);
});

test("where less is offered than before, the last of it is where one stands", () => {
  const { chosen, field, offer } = open();
  fireEvent.keyDown(field, { key: "ArrowUp" });
  offer(NAMES.slice(0, 1));
  fireEvent.keyDown(field, { key: "Enter" });
  expect(chosen).toEqual(["main"]);
});
