import { expect, test } from "vitest";
import { onlyOf, placeOf } from "./place";

test("a link to this pipeline's builds stays on its page, filters and all", () => {
  expect(placeOf(7)("/?pipeline_id=7&status=failed&window=7d#builds")).toBe("/pipelines/7?status=failed&window=7d#builds");
  expect(placeOf(7)("/?pipeline_id=7#builds")).toBe("/pipelines/7#builds");
});

test("every other link leads where it led", () => {
  expect(placeOf(7)("/?pipeline_id=8#builds")).toBe("/?pipeline_id=8#builds");
  expect(placeOf(7)("/builds/5")).toBe("/builds/5");
});

test("the builds are this pipeline's, whatever the header says of other places", () => {
  expect(onlyOf({ provider: "gitlab", repository: "acme/shop", pipeline_id: "8", branch: "main", status: "failed" }, 7)).toEqual({ branch: "main", status: "failed", pipeline_id: 7 });
});
