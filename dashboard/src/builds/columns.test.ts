import { expect, it } from "vitest";
import { COLUMNS, columnsOr, fitting, toggled } from "./columns";

it("shows every chosen column where there is room", () => {
  expect(fitting(COLUMNS, 100)).toEqual(COLUMNS);
});

it("gives the least needed columns up first where there is not", () => {
  const usual = columnsOr(undefined);
  expect(fitting(usual, 58)).toEqual(usual.filter((column) => column !== "author"));
});

it("never gives up status, pipeline and duration", () => {
  expect(fitting(COLUMNS, 10)).toEqual(["status", "pipeline", "duration"]);
});

it("keeps the columns in their order however they are chosen", () => {
  expect(toggled(["status", "pipeline", "started"], "branch")).toEqual(["status", "pipeline", "branch", "started"]);
});

it("takes nonsense that is kept for the usual columns", () => {
  expect(columnsOr("all of them")).toEqual(columnsOr(undefined));
});

it("never goes without its fixed columns, whatever is kept", () => {
  expect(columnsOr(["author", "nonsense"])).toEqual(["status", "pipeline", "author"]);
});
