/** What is looked at stands in the address: every filter, the window of time, the view's own state. */
import { useCallback, useMemo } from "react";
import { useLocation, useSearch } from "wouter";

export type Changes = Readonly<Record<string, string | null>>;

/** What the selectors of the header say; it stays when the view changes. */
export const KEPT = ["provider", "instance", "project", "repository", "branch", "window", "since", "until", "kiosk"] as const;

export interface Parameters {
  get: (name: string) => string | null;
  /** Change some, null takes one away. A step back undoes a choice; what is typed is put in place, or it would undo every letter. */
  set: (changes: Changes, how?: { replace: boolean }) => void;
  search: URLSearchParams;
}

export function useParameters(): Parameters {
  const text = useSearch();
  const [path, navigate] = useLocation();
  const search = useMemo(() => new URLSearchParams(text), [text]);
  const get = useCallback((name: string) => search.get(name), [search]);
  const set = useCallback(
    (changes: Changes, how?: { replace: boolean }) => {
      const to = withChanges(path, window.location.search, changes);
      if (to !== withChanges(path, window.location.search, {})) navigate(to, how);
    },
    [navigate, path],
  );
  return { get, set, search };
}

export function withChanges(path: string, search: string, changes: Changes): string {
  const next = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  const asked = next.toString();
  return asked ? `${path}?${asked}` : path;
}

/** The address of another view that keeps what the header's selectors say. */
export function keeping(path: string, search: URLSearchParams, more?: Changes): string {
  const kept = new URLSearchParams();
  for (const name of KEPT) {
    const value = search.get(name);
    if (value !== null) kept.set(name, value);
  }
  return withChanges(path, kept.toString(), more ?? {});
}
