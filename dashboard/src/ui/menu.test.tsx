// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { Icon } from "./icon";
import { Menu } from "./menu";

afterEach(cleanup);

test("a button that is but an icon says what it is to whoever points at it", () => {
  render(<Menu label={<Icon name="bookmark" />} words="Saved filters">…</Menu>);
  expect(screen.getByRole("button", { name: "Saved filters" }).title).toBe("Saved filters");
});
