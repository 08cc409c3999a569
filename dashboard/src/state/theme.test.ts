// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test } from "vitest";
import { chooseTheme, followTheme } from "./theme";

let stop = (): void => undefined;

beforeEach(() => {
  localStorage.clear();
  stop = followTheme();
});
afterEach(() => stop());

/** What a browser does in every other tab of the same origin. */
function chosenElsewhere(theme: string | null): void {
  if (theme === null) localStorage.removeItem("observatory.theme");
  else localStorage.setItem("observatory.theme", theme);
  window.dispatchEvent(new StorageEvent("storage", { key: "observatory.theme", newValue: theme }));
}

test("a theme that is chosen in another tab is seen in this one", () => {
  chooseTheme("light");
  chosenElsewhere("dark");
  expect(document.documentElement.dataset.theme).toBe("dark");
  chosenElsewhere(null);
  expect(document.documentElement.dataset.theme).toBeUndefined();
});
