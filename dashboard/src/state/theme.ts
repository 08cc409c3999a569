/** Light or dark: as the system says until somebody chooses; `public/theme.js` sets a choice before the first paint. */
import { useSyncExternalStore } from "react";
import { readText, subscribe, writeText } from "./preferences";

export type Theme = "system" | "light" | "dark";

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, theme);
}

export function theme(): Theme {
  const chosen = readText("theme");
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

export function chooseTheme(chosen: Theme): void {
  show(chosen);
  writeText("theme", chosen === "system" ? null : chosen);
}

/** As it is chosen in the browser's other tabs; returns how to stop. */
export function followTheme(): () => void {
  const follow = (): void => show(theme());
  window.addEventListener("storage", follow);
  return () => window.removeEventListener("storage", follow);
}

function show(chosen: Theme): void {
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

/** The other one than is seen now. */
export function toggleTheme(): void {
  const seen = theme() === "system" ? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light") : theme();
  chooseTheme(seen === "dark" ? "light" : "dark");
}
