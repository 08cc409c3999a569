import { describe, expect, it } from "vitest";
import type { Build } from "~/api/types";
import { begun, cleared, extended, indexOf, keptBuilds, missing, pageAt, portionOf, refilled, refreshed, released, rowAt, told, windowed, type Rows } from "./rows";
import { aBuild } from "./sample";

const LATER = "2027-01-01T00:00:00Z";
const always = (): boolean => true;

function builds(from: number, to: number): Build[] {
  return Array.from({ length: from - to + 1 }, (_, step) => aBuild(from - step));
}

/** Rows of ids 30…1 in three pages of ten. */
function threePages(): Rows {
  let rows = begun({ builds: builds(30, 21), next_cursor: "a" });
  rows = extended(rows, { builds: builds(20, 11), next_cursor: "b" });
  return extended(rows, { builds: builds(10, 1), next_cursor: null });
}

function ids(rows: Rows): (number | undefined)[] {
  return Array.from({ length: rows.count }, (_, index) => rowAt(rows, index)?.id);
}

function changes(...changed: Build[]): ReadonlyMap<number, Build> {
  return new Map(changed.map((build) => [build.id, build]));
}

describe("a list of builds in pages", () => {
  it("goes on where the page before ended", () => {
    expect(ids(threePages())).toEqual(builds(30, 1).map((build) => build.id));
  });

  it("takes no build twice when pages overlap", () => {
    const rows = extended(begun({ builds: builds(30, 21), next_cursor: "a" }), { builds: builds(22, 19), next_cursor: null });
    expect(ids(rows)).toEqual([30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19]);
  });

  it("remembers how far was looked after an empty page", () => {
    const rows = extended(begun({ builds: builds(3, 1), next_cursor: "a" }), { builds: [], next_cursor: "b" });
    expect(rows.next).toBe("b");
    expect(rows.pages).toHaveLength(1);
  });

  it("keeps the place of builds that were let go", () => {
    const rows = windowed(threePages(), 2, 2);
    expect(rows.count).toBe(30);
    expect(rowAt(rows, 15)).toBeUndefined();
    expect(rowAt(rows, 25)?.id).toBe(5);
  });

  it("never lets the newest page go", () => {
    expect(rowAt(windowed(threePages(), 2, 2), 0)?.id).toBe(30);
  });

  it("asks again for a page in sight that was let go", () => {
    const rows = windowed(threePages(), 2, 2);
    expect(missing(rows, 0, 2)).toEqual([1]);
    expect(ids(refilled(rows, 1, builds(20, 11)))).toEqual(ids(threePages()));
  });

  it("cuts a page that is asked for again where it ended before", () => {
    const [, page] = threePages().pages;
    expect(page && portionOf(page, { builds: builds(20, 5), next_cursor: "x" })).toEqual({ builds: builds(20, 11), isComplete: true });
  });

  it("knows that a page has grown when an answer ends before it does", () => {
    const [, page] = threePages().pages;
    expect(page && portionOf(page, { builds: builds(20, 14), next_cursor: "x" }).isComplete).toBe(false);
  });

  it("tells of which page a row is", () => {
    const rows = threePages();
    expect([0, 9, 10, 29, 99].map((index) => pageAt(rows, index))).toEqual([0, 0, 1, 2, 2]);
  });
});

describe("what happens meanwhile", () => {
  it("changes a known build where it stands", () => {
    const rows = told(threePages(), changes(aBuild(15, { status: "failed" })), always, false);
    expect(rowAt(rows, 15)?.status).toBe("failed");
    expect(rows.count).toBe(30);
  });

  it("puts a new build on top for a reader who is there", () => {
    const rows = told(threePages(), changes(aBuild(31), aBuild(32)), always, false);
    expect(ids(rows).slice(0, 3)).toEqual([32, 31, 30]);
  });

  it("holds new builds back while the reader is further down", () => {
    const rows = told(threePages(), changes(aBuild(31)), always, true);
    expect(rows.fresh.map((build) => build.id)).toEqual([31]);
    expect(rowAt(rows, 0)?.id).toBe(30);
    expect(ids(released(rows)).slice(0, 2)).toEqual([31, 30]);
  });

  it("changes a build that is held back", () => {
    const held = told(threePages(), changes(aBuild(31)), always, true);
    const rows = told(held, changes(aBuild(31, { status: "failed" })), always, true);
    expect(rows.fresh.map((build) => build.status)).toEqual(["failed"]);
  });

  it("takes a build out that fits no more", () => {
    const rows = told(threePages(), changes(aBuild(15, { status: "failed" })), (build) => build.status !== "failed", false);
    expect(indexOf(rows, 15)).toBe(-1);
    expect(rows.count).toBe(29);
  });

  it("puts a build that was learnt of late where it belongs", () => {
    const late = aBuild(99, { queued_at: aBuild(15).queued_at });
    const rows = told(threePages(), changes(late), always, false);
    expect(indexOf(rows, 99)).toBe(15);
    expect(indexOf(rows, 15)).toBe(16);
  });

  it("leaves a late build of a page that was let go to that page's next answer", () => {
    const rows = windowed(threePages(), 2, 2);
    expect(told(rows, changes(aBuild(99, { queued_at: aBuild(15).queued_at })), always, false)).toBe(rows);
  });

  it("is the same list when nothing of it changed", () => {
    const rows = begun({ builds: builds(30, 21), next_cursor: "a" });
    expect(told(rows, changes(aBuild(3)), always, false)).toBe(rows);
  });

  it("takes builds out that were deleted", () => {
    const rows = cleared(threePages(), new Set([15, 99]));
    expect(indexOf(rows, 15)).toBe(-1);
    expect(cleared(rows, new Set([99]))).toBe(rows);
  });

  it("fills an empty list", () => {
    expect(ids(told(begun({ builds: [], next_cursor: null }), changes(aBuild(1)), always, false))).toEqual([1]);
  });
});

describe("the newest page asked for again", () => {
  it("brings what is new and takes away what is gone", () => {
    const rows = refreshed(threePages(), { builds: [aBuild(31), ...builds(30, 25).filter((build) => build.id !== 28)], next_cursor: "z", as_of: LATER }, false);
    expect(rows && ids(rows).slice(0, 5)).toEqual([31, 30, 29, 27, 26]);
    expect(rows?.count).toBe(30);
  });

  it("keeps a build that was recorded after the answer was read", () => {
    const rows = told(threePages(), changes(aBuild(31)), always, false);
    const late = refreshed(rows, { builds: builds(30, 21), next_cursor: "z", as_of: aBuild(30).recorded_at }, false);
    expect(late && ids(late)[0]).toBe(31);
  });

  it("does not take a build back to how it stood before what was told of it", () => {
    const ended = aBuild(15, { status: "failed", recorded_at: LATER });
    const rows = told(threePages(), changes(ended), always, false);
    const late = refreshed(rows, { builds: builds(30, 11), next_cursor: "z", as_of: LATER }, false);
    expect(late && rowAt(late, 15)).toBe(ended);
    expect(rowAt(refilled(rows, 1, builds(20, 11)), 5)?.id).toBe(25);
    expect(rowAt(refilled(rows, 1, builds(20, 11)), 15)).toBe(ended);
  });

  it("takes the later state of two, to the microsecond", () => {
    const rows = told(threePages(), changes(aBuild(15, { status: "running", recorded_at: "2027-01-01T00:00:00.000100Z" })), always, false);
    const older = told(rows, changes(aBuild(15, { status: "queued", recorded_at: "2027-01-01T00:00:00Z" })), always, false);
    expect(older).toBe(rows);
    expect(rowAt(told(rows, changes(aBuild(15, { status: "failed", recorded_at: "2027-01-01T00:00:00.000200Z" })), always, false), 15)?.status).toBe("failed");
  });

  it("does not take a held back build back either", () => {
    const held = told(threePages(), changes(aBuild(31, { status: "failed", recorded_at: LATER })), always, true);
    expect(told(held, changes(aBuild(31, { status: "running" })), always, true).fresh.map((build) => build.status)).toEqual(["failed"]);
  });

  it("keeps a build whose transaction may have ended after the answer was read", () => {
    const rows = told(threePages(), changes(aBuild(31)), always, false);
    const late = refreshed(rows, { builds: builds(30, 21), next_cursor: "z", as_of: aBuild(33).recorded_at }, false);
    expect(late && ids(late)[0]).toBe(31);
  });

  it("begins anew where more came than a page holds", () => {
    expect(refreshed(threePages(), { builds: builds(60, 51), next_cursor: "z", as_of: LATER }, false)).toBeNull();
  });

  it("keeps at most a window of builds of a long list", () => {
    let rows = begun({ builds: builds(2000, 1901), next_cursor: "c" });
    for (let top = 1900; top > 0; top -= 100) {
      rows = windowed(extended(rows, { builds: builds(top, top - 99), next_cursor: "c" }), rows.pages.length - 3, rows.pages.length + 1);
    }
    expect(rows.count).toBe(2000);
    expect(keptBuilds(rows).length).toBeLessThanOrEqual(500);
  });
});
