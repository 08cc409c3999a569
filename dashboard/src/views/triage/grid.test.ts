import { afterEach, describe, expect, test, vi } from "vitest";
import type { Grid, GridRow } from "~/api/types";
import { spanOfHour, standouts, surprise, times, told, usualRate } from "./grid";

/** Of a world in which a tenth of everything fails. */
function aRow(value: string | null, failures: number, verdicts: number): GridRow {
  return { value, pipeline_id: null, repository: null, failures, verdicts, lift: failures / verdicts / 0.1 };
}

function aGrid(rows: Partial<Grid>): Grid {
  return { pipeline: [], branch: [], runner: [], hour: [], ...rows };
}

test("the rate of all is told by any row that failed", () => {
  expect(usualRate([aRow("quiet", 0, 50), aRow("main", 30, 100)])).toBeCloseTo(0.1);
  expect(usualRate([aRow("quiet", 0, 50)])).toBeNull();
});

test("a row at the usual rate is no surprise, and the same share of more builds is a larger one", () => {
  expect(surprise(aRow("main", 10, 100), 0.1)).toBeCloseTo(0);
  expect(surprise(aRow("a", 80, 200), 0.1)).toBeGreaterThan(surprise(aRow("b", 40, 100), 0.1));
});

describe("what stands out", () => {
  test("is what fails much more than the rest, most surprising first", () => {
    const found = standouts(aGrid({ pipeline: [aRow("web", 40, 100), aRow("api", 10, 100)], runner: [aRow("build-3", 90, 100)] }));

    expect(found.map((one) => one.row.value)).toEqual(["build-3", "web"]);
  });

  test("is not what failed once of one time", () => {
    expect(standouts(aGrid({ branch: [aRow("feature", 1, 1)] }))).toEqual([]);
  });

  test("is not what nobody can name", () => {
    expect(standouts(aGrid({ runner: [aRow(null, 90, 100)] }))).toEqual([]);
  });

  test("is nothing where nothing failed", () => {
    expect(standouts(aGrid({ pipeline: [{ ...aRow("web", 0, 100), lift: null }] }))).toEqual([]);
  });

  test("is said by its share of failures beside its share of builds", () => {
    const [web] = standouts(aGrid({ pipeline: [aRow("web", 41, 60)] }));

    expect(web && told(web, { failures: 100, verdicts: 1000 })).toBe("has 41.0 % of failures and 6.0 % of builds");
  });

  test("of runners is said by jobs, since the builds are a sample", () => {
    const [runner] = standouts(aGrid({ runner: [aRow("build-3", 50, 100)] }));

    expect(runner && told(runner, { failures: 100, verdicts: 1000 })).toBe("failed 50 of 100 jobs, 5.0 × the usual share");
  });
});

test("a lift has a digit behind the point while it is small", () => {
  expect([1.74, 12.6, null].map(times)).toEqual(["1.7 ×", "13 ×", "–"]);
});

describe("an hour of the day", () => {
  const noon = new Date(2026, 10, 20, 12).toISOString();

  test("that the window has once is that span", () => {
    const span = spanOfHour(new Date(2026, 10, 20, 9).toISOString(), new Date(2026, 10, 20, 15).toISOString(), "12");

    expect(span).toEqual({ since: noon, until: new Date(2026, 10, 20, 13).toISOString() });
  });

  test("that the window has twice is no span", () => {
    expect(spanOfHour(new Date(2026, 10, 19, 12).toISOString(), new Date(2026, 10, 20, 12, 30).toISOString(), "12")).toBeNull();
  });

  test("of weeks is no span", () => {
    expect(spanOfHour(new Date(2026, 10, 1).toISOString(), noon, "12")).toBeNull();
  });

  test("at the edges of the window is no longer than that", () => {
    const [since, until] = [new Date(2026, 10, 20, 12, 20).toISOString(), new Date(2026, 10, 20, 12, 50).toISOString()];

    expect(spanOfHour(since, until, "12")).toEqual({ since, until });
  });

  test("that the window has not is no span", () => {
    expect(spanOfHour(noon, new Date(2026, 10, 20, 15).toISOString(), "16")).toBeNull();
  });

  describe("elsewhere", () => {
    afterEach(() => vi.unstubAllEnvs());

    test.each([
      ["Asia/Kolkata", "2026-11-20T06:30:00.000Z", "2026-11-20T07:30:00.000Z"],
      ["Asia/Kathmandu", "2026-11-20T06:15:00.000Z", "2026-11-20T07:15:00.000Z"],
    ])("begins when the clock of %s says so", (zone, since, until) => {
      vi.stubEnv("TZ", zone);

      expect(spanOfHour("2026-11-20T00:00:00Z", "2026-11-20T12:00:00Z", "12")).toEqual({ since, until });
    });

    test("lasts as long as the clock shows it, when clocks are put back", () => {
      vi.stubEnv("TZ", "Europe/Berlin");

      expect(spanOfHour("2026-10-24T20:00:00Z", "2026-10-25T08:00:00Z", "02")).toEqual({ since: "2026-10-25T00:00:00.000Z", until: "2026-10-25T02:00:00.000Z" });
    });
  });
});
