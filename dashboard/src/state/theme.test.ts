// @vitest-environment happy-dom
import { afterEach, expect, test } from "vitest";
import { chooseTheme, followTheme } from "./theme";

afterEach(() => chooseTheme("system"));

test("a theme chosen in another page of this browser holds here, too, as long as it is followed", () => {
  const stop = followTheme();
  const elsewhere = (theme: string): void => {
    localStorage.setItem("observatory.theme", theme);
    window.dispatchEvent(new StorageEvent("storage", { key: "observatory.theme" }));
  };

  elsewhere("light");
  expect(document.documentElement.dataset.theme).toBe("light");

  stop();
  elsewhere("dark");
  expect(document.documentElement.dataset.theme).toBe("light");
});
