/** Under which names somebody builds; kept in this browser, sent to nobody. */
import { useMemo } from "react";
import { joined } from "~/builds/filter";
import { usePreference } from "~/state/preferences";

const MOST = 10;

export interface Names {
  names: readonly string[];
  /** As the API takes several authors; null where nobody was named. */
  author: string | null;
  add: (name: string) => void;
  drop: (name: string) => void;
  forget: () => void;
}

export function useNames(): Names {
  const [names, change] = usePreference("me", namesOr);
  const author = joined(names);
  return useMemo(
    () => ({
      names,
      author,
      add: (name) => change(namesOr([...names, name])),
      drop: (name) => change(names.filter((one) => one !== name)),
      forget: () => change([]),
    }),
    // The list is made anew each time it is read; what it says is in `author`.
    // oxlint-disable-next-line react/exhaustive-deps
    [author, change],
  );
}

export function namesOr(stored: unknown): readonly string[] {
  if (!Array.isArray(stored)) return [];
  const names = stored.filter((name): name is string => typeof name === "string" && name.trim() !== "");
  return [...new Set(names)].slice(0, MOST);
}
