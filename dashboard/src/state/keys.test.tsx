// @vitest-environment happy-dom
import { cleanup, render, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { listenForKeys, useAllShortcuts, useShortcuts } from "./keys";
import { writeText } from "./preferences";

let stop: () => void = () => undefined;

beforeEach(() => {
  stop = listenForKeys();
});

afterEach(() => {
  stop();
  cleanup();
  localStorage.clear();
});

function Page({ run }: { run: () => void }): React.ReactElement {
  useShortcuts([{ keys: ["Enter", "n"], words: "Open", group: "Test", run }]);
  return <main><button type="button">A button</button><a href="/elsewhere">A link</a><input aria-label="A field" /><p tabIndex={-1}>Words</p></main>;
}

/** Whether the browser is left to do with it what it does. */
function press(key: string, on: Element | null, held: KeyboardEventInit = {}): boolean {
  return on?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...held })) ?? true;
}

function Listening({ keys, run }: { keys: string[]; run: () => void }): React.ReactElement {
  useShortcuts([{ keys, words: "Do", group: "Test", run }]);
  return <main />;
}

test("Enter presses what has the focus, and opens what the view says only where nothing has it", () => {
  const run = vi.fn<() => void>();
  const { container } = render(<Page run={run} />);

  const left = ["button", "a"].map((name) => press("Enter", container.querySelector(name)));
  expect([left, run.mock.calls.length]).toEqual([[true, true], 0]);

  expect([press("Enter", container.querySelector("p")), run.mock.calls.length]).toEqual([false, 1]);
});

test("a letter is the view's on a button, and the field's where somebody types", () => {
  const run = vi.fn<() => void>();
  const { container } = render(<Page run={run} />);

  press("n", container.querySelector("button"));
  press("n", container.querySelector("input"));

  expect(run).toHaveBeenCalledTimes(1);
});

test.each([{ ctrlKey: true, shiftKey: true }, { metaKey: true, shiftKey: true }, { ctrlKey: true, altKey: true }])("keys with two held are the browser's: %o", (held) => {
  const run = vi.fn<() => void>();
  render(<Listening keys={["Ctrl+r", "Alt+r", "R", "r"]} run={run} />);

  expect([press("R", document.body, held), run.mock.calls.length]).toEqual([true, 0]);
  expect([press("r", document.body, { ctrlKey: true }), run.mock.calls.length]).toEqual([false, 1]);
});

test("Alt and a number is meant by the key, whatever the keyboard writes with it", () => {
  const run = vi.fn<() => void>();
  render(<Listening keys={["Alt+1"]} run={run} />);

  press("¡", document.body, { altKey: true, code: "Digit1" });
  press("€", document.body, { altKey: true, code: "KeyE" });

  expect(run).toHaveBeenCalledTimes(1);
});

test.each([{ ctrlKey: true }, { altKey: true, code: "Digit1" }])("the browser's own keys are left to it where somebody wants that: %o", (held) => {
  const run = vi.fn<() => void>();
  render(<Listening keys={["Ctrl+1", "Alt+1", "1"]} run={run} />);
  writeText("leaveBrowserKeys", "true");

  expect(press("1", document.body, held)).toBe(true);
  expect(press("1", document.body)).toBe(false);

  expect(run).toHaveBeenCalledTimes(1);
});

test("under an open dialog no key of the page does anything, Escape least of all", () => {
  const run = vi.fn<() => void>();
  const { unmount } = render(<><Listening keys={["Escape", "r"]} run={run} /><dialog open>On top</dialog></>);

  expect([press("Escape", document.body), press("r", document.body), run.mock.calls.length]).toEqual([true, true, 0]);

  unmount();
  render(<><Listening keys={["Escape", "r"]} run={run} /><dialog>Closed</dialog></>);
  expect([press("Escape", document.body), run.mock.calls.length]).toEqual([false, 1]);
});

test("a key that would act on nothing is the browser's, and is not offered", () => {
  const run = vi.fn<() => void>();
  let isThere = false;
  renderHook(() => useShortcuts([{ keys: ["Ctrl+f"], words: "Search", group: "Test", run, isThere: () => isThere }]));

  expect([press("f", document.body, { ctrlKey: true }), run.mock.calls.length]).toEqual([true, 0]);
  expect(renderHook(useAllShortcuts).result.current).toEqual([]);

  isThere = true;
  expect([press("f", document.body, { ctrlKey: true }), run.mock.calls.length]).toEqual([false, 1]);
});

test("offered is only what a key does here and now", () => {
  const run = vi.fn<() => void>();
  renderHook(() => useShortcuts([{ keys: ["/", "Ctrl+f"], words: "Search", group: "Everywhere", run }, { keys: ["r", "Ctrl+r"], words: "Refresh", group: "Everywhere", run }]));
  renderHook(() => useShortcuts([{ keys: ["/", "Ctrl+f"], words: "Search the log", group: "Log", run }]));
  const offered = (): string[] => renderHook(useAllShortcuts).result.current.map(({ words, keys }) => `${words}: ${keys.join(" ")}`);

  expect(offered()).toEqual(["Refresh: r Ctrl+r", "Search the log: / Ctrl+f"]);
  writeText("leaveBrowserKeys", "true");
  expect(offered()).toEqual(["Refresh: r", "Search the log: /"]);
});

test("single letters do nothing where somebody switched them off, and are not offered", () => {
  const run = vi.fn<() => void>();
  renderHook(() => useShortcuts([{ keys: ["p", "?", "Ctrl+r", "Escape"], words: "Do", group: "Test", run }]));
  writeText("leaveLetters", "true");

  expect([press("p", document.body), press("?", document.body), run.mock.calls.length]).toEqual([true, true, 0]);
  expect(renderHook(useAllShortcuts).result.current.map(({ keys }) => keys)).toEqual([["Ctrl+r", "Escape"]]);
  press("Escape", document.body);
  expect(run).toHaveBeenCalledTimes(1);
});
