import { describe, expect, it } from "vitest";
import { applied, buildsQuery, chips, filtersOf, fits, joined, noFilters, pageAddress, valuesOf } from "./filter";
import { aBuild } from "./sample";

const FRAME = { since: "2026-11-21T16:00:00.000Z", until: null };
const at = (instant: string): string => instant.slice(11, 16);

function page(link: string, search = ""): string | null {
  return pageAddress(link, new URLSearchParams(search), FRAME);
}

function query(search: string): object {
  return buildsQuery(new URLSearchParams(search), FRAME);
}

describe("where a figure's builds are shown", () => {
  it("is the overview with the table filtered the same", () => {
    expect(page("/api/builds?since=2026-11-21T16:00:00Z&status=failed,timed_out")).toBe("/?status=failed%2Ctimed_out#builds");
  });

  it("keeps the window of the header where it is the same", () => {
    expect(page("/api/builds?since=2026-11-21T16:00:00Z&status=failed", "window=24h&kiosk=1")).toBe("/?window=24h&kiosk=1&status=failed#builds");
  });

  it("narrows the table alone where the link is of a part of the window", () => {
    expect(page("/api/builds?since=2026-11-21T17:00:00Z&until=2026-11-21T18:00:00Z", "window=24h")).toBe("/?window=24h&from=2026-11-21T17%3A00%3A00Z&to=2026-11-21T18%3A00%3A00Z#builds");
  });

  it("widens the table to any time where the link names none", () => {
    expect(page("/api/builds?is_active=true")).toBe("/?is_active=true&from=ever#builds");
  });

  it("takes away filters that the figure does not have", () => {
    expect(page("/api/builds?since=2026-11-21T16:00:00Z", "status=failed&q=checkout&branch=old")).toBe("/#builds");
  });

  it("keeps the link's own scope", () => {
    expect(page("/api/builds?since=2026-11-21T16:00:00Z&repository=acme/shop&branch=main", "repository=acme/shop&branch=main")).toBe("/?repository=acme%2Fshop&branch=main#builds");
  });

  it("asks the API again for exactly what the link says", () => {
    const links = [
      "/api/builds?since=2026-11-21T16:00:00Z&status=failed,succeeded,timed_out&has_duration=true",
      "/api/builds?since=2026-11-20T16:00:00Z&until=2026-11-21T16:00:00Z&status=succeeded",
      "/api/builds?since=2026-11-21T16:00:00Z&status=cancelled&cancel_reason=person&branch=a%5C,b",
      "/api/builds?is_stale=true",
      "/api/builds?since=2026-11-21T16:00:00Z&first_status=succeeded&is_flaky=true&event=deployment&provider=gitlab",
    ];
    for (const link of links) {
      const asked = Object.fromEntries(new URL(link, "http://x").searchParams);
      const shown = buildsQuery(new URL(page(link) ?? "", "http://x").searchParams, { since: "2026-11-21T16:00:00Z", until: null });
      expect(shown).toEqual(asked);
    }
  });

  it("is nowhere for links that are not of builds", () => {
    expect(page("/api/incidents?status=open")).toBeNull();
    expect(pageAddress(undefined, new URLSearchParams(), FRAME)).toBeNull();
  });
});

describe("what a table asks", () => {
  it("is the window of the page unless it has its own", () => {
    expect(query("status=failed")).toEqual({ status: "failed", since: FRAME.since });
    expect(query("from=ever")).toEqual({});
    expect(query("from=2026-11-21T17:00:00Z&to=2026-11-21T18:00:00Z")).toEqual({ since: "2026-11-21T17:00:00Z", until: "2026-11-21T18:00:00Z" });
  });

  it("is of any time before an end that stands alone", () => {
    expect(query("to=2026-11-21T18:00:00Z")).toEqual({ until: "2026-11-21T18:00:00Z" });
    expect(query("from=&to=")).toEqual({ since: FRAME.since });
  });

  it("does not heed what it does not know", () => {
    expect(query("nonsense=1&limit=5&cursor=x")).toEqual({ since: FRAME.since });
  });
});

describe("chips", () => {
  it("stand for each value, and each takes only itself away", () => {
    const [failed] = chips(new URLSearchParams("status=failed,timed_out"), at);
    expect(failed).toMatchObject({ name: "Status", value: "Failed", without: { status: "timed_out" } });
  });

  it("say a span of time as one", () => {
    expect(chips(new URLSearchParams("from=2026-11-21T17:00:00Z&to=2026-11-21T18:00:00Z"), at)).toMatchObject([{ value: "17:00 – 18:00", without: { from: null, to: null } }]);
    expect(chips(new URLSearchParams("from=ever"), at)).toMatchObject([{ value: "at any time" }]);
  });

  it("name an end that stands alone", () => {
    expect(chips(new URLSearchParams("to=2026-11-21T18:00:00Z"), at)).toMatchObject([{ value: "before 18:00", without: { from: null, to: null } }]);
  });

  it("leave out what the page settles, and so does taking all away", () => {
    const search = new URLSearchParams("provider=github&pipeline_id=7&status=failed");
    expect(chips(search, at, ["provider", "pipeline_id"]).map((chip) => chip.name)).toEqual(["Status"]);
    expect(noFilters(["provider"])).not.toHaveProperty("provider");
    expect(noFilters(["provider"])).toMatchObject({ status: null, branch: null, to: null });
    expect(noFilters()).toHaveProperty("provider", null);
  });

  it("take a search as it stands, commas and all", () => {
    expect(chips(new URLSearchParams("q=a, b"), at)).toMatchObject([{ name: "Search", value: "a, b" }]);
  });
});

it("reads several values as the API does, a comma within one too", () => {
  expect(valuesOf(joined(["a,b", "c\\d", "e"]))).toEqual(["a,b", "c\\d", "e"]);
});

it("keeps filters under a name and applies exactly them", () => {
  const kept = filtersOf(new URLSearchParams("status=failed&window=7d&q=x"));
  expect(kept).toBe("status=failed&q=x");
  expect(applied(kept)).toMatchObject({ status: "failed", q: "x", author: null, from: null });
  expect(applied(kept)).not.toHaveProperty("window");
});

it("of kept filters a page takes up only what it does not settle itself, and keeps only that", () => {
  const fixed = ["project", "repository", "pipeline_id"] as const;
  const changes = applied("repository=acme%2Fshop&pipeline_id=7&status=failed", fixed);
  expect(changes).toMatchObject({ status: "failed", q: null });
  expect(Object.keys(changes).filter((name) => fixed.some((one) => one === name))).toEqual([]);
  expect(filtersOf(new URLSearchParams("project=mobile&status=failed"), fixed)).toBe("status=failed");
});

describe("whether a build that happens is of those shown", () => {
  it("is told by its own fields", () => {
    expect(fits(aBuild(1), { branch: "main,develop", status: "succeeded" })).toBe("yes");
    expect(fits(aBuild(1), { branch: "develop" })).toBe("no");
    expect(fits(aBuild(1, { repository: null }), { repository: "acme/shop" })).toBe("no");
    expect(fits(aBuild(1), { pipeline_id: "1,2" })).toBe("yes");
  });

  it("is told by when it was queued", () => {
    const build = aBuild(0);
    expect(fits(build, { since: build.queued_at })).toBe("yes");
    expect(fits(build, { until: build.queued_at })).toBe("no");
  });

  it("is told by how it stands", () => {
    expect(fits(aBuild(1, { status: "running" }), { is_active: "true" })).toBe("yes");
    expect(fits(aBuild(1), { is_active: "true" })).toBe("no");
    expect(fits(aBuild(1, { duration_seconds: null }), { has_duration: "true" })).toBe("no");
  });

  it("is left to the server where the search decides", () => {
    expect(fits(aBuild(1), { q: "shop" })).toBe("perhaps");
    expect(fits(aBuild(1), { q: "shop", branch: "develop" })).toBe("no");
  });
});
