import { expect, test } from "vitest";
import { matching, named, stepped } from "./options";

const OPTIONS = ["acme/shop", "acme/web-shop", "shop/acme", "lumen/ledger"].map((value) => ({ value }));
const values = (text: string, isFree = false): (string | null)[] => matching(OPTIONS, text, { all: "All", isFree }).map((option) => option.value);

test("before anything is typed all are offered, and none as the first", () => {
  expect(values("")).toEqual([null, "acme/shop", "acme/web-shop", "shop/acme", "lumen/ledger"]);
});

test("every typed word has to be there, in any order and case", () => {
  expect(values("ACME shop")).toEqual(["acme/shop", "acme/web-shop", "shop/acme"]);
});

test("what begins as typed comes first", () => {
  expect(values("shop")[0]).toBe("shop/acme");
});

test("what nobody knows can be chosen where that is allowed", () => {
  expect(values("fix/7", true)).toEqual(["fix/7"]);
  expect(values("acme/shop", true)).toEqual(["acme/shop"]);
  expect(values("fix/7")).toEqual([]);
});

test("each name is offered once, with what is chosen though it is gone", () => {
  expect(named(["web", "api", "web"], ["old"])).toEqual([{ value: "api" }, { value: "old" }, { value: "web" }]);
});

test("several that are chosen at once are no name that could be chosen", () => {
  expect(named(["web", "api"], ["api", "old"])).toEqual([{ value: "api" }, { value: "web" }]);
});

test("arrows go round, pages stop at the ends, other keys do not move", () => {
  expect([stepped("ArrowDown", 3, 4), stepped("ArrowUp", 0, 4), stepped("PageDown", 1, 4), stepped("PageUp", 1, 4), stepped("a", 1, 4), stepped("ArrowDown", 0, 0)]).toEqual([0, 3, 3, 0, null, null]);
});
