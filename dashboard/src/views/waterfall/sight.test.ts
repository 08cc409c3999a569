import { describe, expect, it } from "vitest";
import { CELL_REM, ROW_REM, rowsOfScreen, sightOf } from "./sight";

const REM = 15;
const SCREEN = { top: 0, left: 0, height: 700, width: 1000 };

describe("what is in sight", () => {
  it("is a screen with a little more on each side, however large the grid", () => {
    const { rows, columns } = sightOf(SCREEN, REM, 50, 200);
    expect(rows[0]).toBe(0);
    expect(rows[1] * ROW_REM * REM).toBeGreaterThanOrEqual(700);
    expect(rows[1]).toBeLessThanOrEqual(28);
    expect(columns[1] * CELL_REM * REM).toBeGreaterThanOrEqual(1000);
    expect(columns[1]).toBeLessThanOrEqual(56);
  });

  it("holds everything between the edges wherever it is scrolled to", () => {
    for (let left = 0; left < 5000; left += 37) {
      const { columns } = sightOf({ ...SCREEN, left }, REM, 50, 200);
      const [first, last] = [Math.floor(left / (CELL_REM * REM)), Math.ceil((left + 1000) / (CELL_REM * REM))];
      expect(columns[0]).toBeLessThanOrEqual(first);
      expect(columns[1]).toBeGreaterThanOrEqual(Math.min(last, 200));
    }
  });

  it("is all there is where that is little", () => {
    expect(sightOf(SCREEN, REM, 3, 5)).toEqual({ rows: [0, 3], columns: [0, 5] });
    expect(sightOf({ ...SCREEN, top: 10_000 }, REM, 3, 5).rows).toEqual([3, 3]);
  });
});

describe("the first question", () => {
  it("is for what a window shows, and never for everything", () => {
    expect([667, 900, 1440].map((height) => rowsOfScreen(height, REM))).toEqual([8, 13, 26]);
    expect(rowsOfScreen(10_000, REM)).toBeLessThan(50);
    expect(rowsOfScreen(0, REM)).toBeGreaterThan(0);
  });

  it("is for fewer where letters are larger", () => {
    expect(rowsOfScreen(1440, 24)).toBeLessThan(rowsOfScreen(1440, REM));
  });
});
