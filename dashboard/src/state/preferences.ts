/** What a person chose here and keeps here: never sent anywhere. */
import { useCallback, useMemo, useSyncExternalStore } from "react";

const PREFIX = "observatory.";
const listeners = new Set<() => void>();

/** A choice by name, of any JSON, checked by `parse` whatever lies there; `[value, change]`. The same object as long as the choice is the same. */
export function usePreference<Value>(name: string, parse: (stored: unknown) => Value): [Value, (value: Value) => void] {
  const text = useSyncExternalStore(subscribe, () => readText(name));
  const change = useCallback((value: Value) => writeText(name, JSON.stringify(value)), [name]);
  return [useMemo(() => parse(parsed(text)), [parse, text]), change];
}

export function readText(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null; // no storage in this browser: every choice is the usual one
  }
}

export function writeText(name: string, text: string | null): void {
  try {
    if (text === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, text);
  } catch {
    // As above: the choice holds until the page is left.
  }
  for (const listener of listeners) listener();
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", listener);
  };
}

function parsed(text: string | null): unknown {
  try {
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function flagOr(usual: boolean): (stored: unknown) => boolean {
  return (stored) => (typeof stored === "boolean" ? stored : usual);
}
