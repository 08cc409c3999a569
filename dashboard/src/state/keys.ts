/** Keys: each view says which it listens to; the sheet behind `?` lists them all. */
import { useEffect, useState, useSyncExternalStore } from "react";
import { readText } from "./preferences";

export interface Shortcut {
  /** As `KeyboardEvent.key`, with `Ctrl+` in front where it is held (Command counts too), or `Alt+`. */
  keys: readonly string[];
  words: string;
  group: string;
  run: () => void;
  /** Whether there is anything now that it would act on; else the key is the browser's. */
  isThere?: () => boolean;
}

interface Layer {
  shortcuts: readonly Shortcut[];
}

const layers = new Set<Layer>();
const watchers = new Set<() => void>();
let listed: readonly Shortcut[] = [];

/** Listen while this component is shown. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  // A new list at every render, but its place on top of the others stays.
  const [layer] = useState<Layer>(() => ({ shortcuts }));
  useEffect(() => {
    const isOther = described(layer.shortcuts) !== described(shortcuts);
    layer.shortcuts = shortcuts;
    if (isOther) publish();
  });
  useEffect(() => {
    layers.add(layer);
    publish();
    return () => {
      layers.delete(layer);
      publish();
    };
  }, [layer]);
}

function described(shortcuts: readonly Shortcut[]): string {
  return shortcuts.map((one) => `${one.group} ${one.keys.join(" ")} ${one.words}`).join("|");
}

/** What each key does here and now, as somebody who presses it would find. */
export function useAllShortcuts(): readonly Shortcut[] {
  return useSyncExternalStore(watch, () => listed).flatMap((one) => {
    // By its words: what is listed may be of an earlier rendering.
    const keys = one.keys.filter((key) => !isLeft(key) && isSame(shortcutOf(key), one));
    return keys.length === 0 ? [] : [{ ...one, keys }];
  });
}

/** Whether keys that browsers use themselves (Ctrl+R, Ctrl+F, Alt with a number) are left to them. */
function leavesBrowserKeys(): boolean {
  return readText("leaveBrowserKeys") === "true";
}

/** Whether single letters and signs do nothing: who dictates, or lost the focus while typing, would do what nobody meant. */
function leavesLetters(): boolean {
  return readText("leaveLetters") === "true";
}

export function listenForKeys(): () => void {
  document.addEventListener("keydown", handle);
  return () => document.removeEventListener("keydown", handle);
}

function handle(event: KeyboardEvent): void {
  const name = nameOf(event);
  if (name === null || event.defaultPrevented || isCovered()) return;
  if (isTyping(event.target) && !name.startsWith("Ctrl+") && name !== "Escape") return;
  if (isLeft(name)) return;
  // What has the focus is pressed by it, as everywhere.
  if (name === "Enter" && event.target instanceof Element && event.target.closest("a, button, summary") !== null) return;
  const shortcut = shortcutOf(name);
  if (shortcut === undefined) return;
  event.preventDefault();
  shortcut.run();
}

function isLeft(key: string): boolean {
  return [...key].length === 1 ? leavesLetters() : /^(?:Ctrl|Alt)\+/.test(key) && leavesBrowserKeys();
}

/** Of those that would act, the one whose layer came last: it lies on top. */
function shortcutOf(key: string): Shortcut | undefined {
  return [...layers].toReversed().flatMap((layer) => layer.shortcuts).find((one) => one.keys.includes(key) && (one.isThere?.() ?? true));
}

function isSame(one: Shortcut | undefined, other: Shortcut): boolean {
  return one?.group === other.group && one.words === other.words;
}

/** Null where more than one of them is held: such keys are the browser's or the keyboard's, and no view's. */
function nameOf(event: KeyboardEvent): string | null {
  const isCtrl = event.ctrlKey || event.metaKey;
  if (isCtrl && (event.shiftKey || event.altKey)) return null;
  if (event.altKey) return `Alt+${digitOf(event.code) ?? event.key}`;
  return isCtrl ? `Ctrl+${event.key.toLowerCase()}` : event.key;
}

/** The number on the key, whatever Alt makes of it: on a Mac, Alt and 1 give ¡. */
function digitOf(code: string): string | undefined {
  return /^Digit(\d)$/.exec(code)?.[1];
}

/** Whether something lies over the page, whose keys act on what nobody sees then. What only explains, like a chart's readout, covers nothing. */
function isCovered(): boolean {
  return document.querySelector("dialog[open], [popover=auto]:popover-open") !== null;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

function publish(): void {
  listed = [...layers].flatMap((layer) => layer.shortcuts);
  for (const watcher of watchers) watcher();
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}
