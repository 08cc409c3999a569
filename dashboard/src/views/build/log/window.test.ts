import { describe, expect, test } from "vitest";
import { scrollTo, sightAt, totalPx } from "./window";

const FEW = { rows: 10, rowPx: 20, viewportPx: 600 };
const MANY = { rows: 100_000, rowPx: 20, viewportPx: 600 };
const MILLIONS = { rows: 5_000_000, rowPx: 20, viewportPx: 600 };

/** Where a row is drawn, below the top of what is seen, when all are as high as is thought. */
function placeOf(row: number, scrolled: number, extent: typeof MANY): number {
  const sight = sightAt(scrolled, extent);
  return sight.atPx - (sight.anchor + sight.above - row) * extent.rowPx;
}

describe("rows in sight", () => {
  test("are all of them where they are few", () => {
    expect(sightAt(0, FEW)).toMatchObject({ first: 0, last: 10, anchor: 0, atPx: 0 });
  });

  test("scroll as anything scrolls", () => {
    expect(placeOf(100, 1500, MANY)).toBeCloseTo(500);
    expect(sightAt(1500, MANY).first).toBeLessThanOrEqual(75);
    expect(sightAt(1500, MANY).last).toBeGreaterThanOrEqual(105);
  });

  test("are never many", () => {
    for (const scrolled of [0, 12_345, 999_999, 1_999_400]) {
      const { first, last } = sightAt(scrolled, MANY);
      expect(last - first).toBeLessThan(60);
    }
  });

  test("end with the last row at the bottom", () => {
    for (const extent of [MANY, MILLIONS]) {
      const end = totalPx(extent) - extent.viewportPx;
      expect(placeOf(extent.rows, end, extent)).toBeCloseTo(600);
      expect(sightAt(end, extent).last).toBe(extent.rows);
    }
  });

  test("of millions fit into what browsers can lay out", () => {
    expect(totalPx(MILLIONS)).toBeLessThan(17_000_000);
  });
});

describe("scrolling to a row", () => {
  test.each([MANY, MILLIONS])("puts it a third below the top", (extent) => {
    for (const row of [5000, 12_345, 99_000]) expect(placeOf(row, scrollTo(row, extent), extent)).toBeCloseTo(200, 0);
  });

  test("stays within the ends", () => {
    expect(scrollTo(0, MANY)).toBe(0);
    expect(scrollTo(99_999, MANY)).toBe(totalPx(MANY) - 600);
    expect(scrollTo(5, FEW)).toBe(0);
  });
});
