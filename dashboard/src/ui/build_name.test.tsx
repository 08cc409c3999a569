// @vitest-environment happy-dom
import { render } from "@testing-library/react";
import { expect, test } from "vitest";
import { BuildName } from "./build_name";

const BUILD = { number: 98_306 };

test("a build is called by its number, and leads to the attempt that is meant", () => {
  const { container } = render(<BuildName id={7} build={BUILD} attempt={2} />);

  expect(container.textContent).toBe("build #98306, attempt 2");
  expect(container.querySelector("a")?.getAttribute("href")).toBe("/builds/7?attempt=2");
});

test("a first attempt is not spoken of", () => {
  expect(render(<BuildName id={7} build={BUILD} attempt={1} />).container.textContent).toBe("build #98306");
  expect(render(<BuildName id={7} build={{ number: null }} attempt={null} />).container.textContent).toBe("build 7");
});

test("what was deleted, and what one looks at, leads nowhere", () => {
  const { container } = render(<><BuildName id={7} build={null} attempt={1} /> <BuildName id={8} build={BUILD} attempt={3} here={8} /></>);

  expect(container.textContent).toBe("build 7 (deleted since) this build, attempt 3");
  expect(container.querySelector("a")).toBeNull();
});
