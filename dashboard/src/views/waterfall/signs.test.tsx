// @vitest-environment happy-dom
import { cleanup, render } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import { STATUSES, lookOf } from "~/lib/status";
import { GLYPHS } from "./glyphs";
import { Signs } from "./signs";

afterEach(cleanup);

test("every sign that a cell may bear is explained", () => {
  const { container } = render(<Signs />);
  const signs = [...container.querySelectorAll(".waterfall-signs > li")].map((sign) => sign.textContent);
  expect(signs.slice(0, STATUSES.length).toSorted()).toEqual(STATUSES.map((status) => `${GLYPHS[status]} ${lookOf(status).word}`).toSorted());
  expect(signs.slice(STATUSES.length).join("; ")).toMatch(/^A .*letter.*; ✓ .*flaky.*;  Empty: did not run$/);
});
