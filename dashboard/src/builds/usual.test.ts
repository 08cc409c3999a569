import { expect, it } from "vitest";
import { compared, met } from "./usual";

const usual = { pipeline_id: 1, builds: 40, p50_seconds: 60, p95_seconds: 100 };

it("says how many times the usual a slow build took", () => {
  expect(compared(126, usual, false)).toMatchObject({ word: "2.1×", tone: "late", share: 1 });
});

it("says nothing of a build that took about as long as usual", () => {
  expect(compared(66, usual, false)).toMatchObject({ word: null, tone: "none", share: 0.55 });
});

it("does not call what 1 in 20 builds takes late", () => {
  expect(compared(95, usual, false)).toMatchObject({ word: "1.6×", tone: "none" });
});

it("does not call a build fast while it runs", () => {
  expect(compared(6, usual, true)).toMatchObject({ word: null, tone: "busy" });
});

it("compares with nothing of a pipeline that was built a few times only", () => {
  expect(compared(126, { ...usual, builds: 4 }, false)).toBeNull();
});

it("asks of the pipelines in sight even after more were met than one question may hold", () => {
  const many = Array.from({ length: 500 }, (_, id) => id);
  const asked = met(many.slice(0, 200), [400, 401, 400], many);
  expect(asked).toHaveLength(200);
  expect(asked.slice(0, 3)).toEqual([400, 401, 0]);
});

it("asks nothing new while all in sight are asked of", () => {
  const known = [3, 1, 2];
  expect(met(known, [2, 1], [7, 8])).toBe(known);
});
