import { describe, expect, test } from "vitest";
import { anIncident } from "~/views/incident/an_incident";
import { isMeant, stepped } from "./choose";

describe("a search", () => {
  test("finds by words of several names, in any case and order", () => {
    expect(isMeant(anIncident(), "MAIN acme")).toBe(true);
    expect(isMeant(anIncident(), "main nightly")).toBe(false);
  });

  test("of nothing finds everything", () => {
    expect(isMeant(anIncident({ repository: null, branch: null }), "  ")).toBe(true);
  });
});

describe("the next one", () => {
  const keys = ["a", "b", "c"];

  test("follows the one looked at, and stays at the ends", () => {
    expect(stepped(keys, "a", 0, 1)).toBe("b");
    expect(stepped(keys, "c", 2, 1)).toBe("c");
    expect(stepped(keys, "a", 0, -1)).toBe("a");
  });

  test("of one that was fixed meanwhile is the one that took its place", () => {
    expect(stepped(keys, "gone", 1, 1)).toBe("b");
    expect(stepped(keys, "gone", 1, -1)).toBe("a");
  });

  test("behind the end of a list that became shorter is its last", () => {
    expect(stepped(keys, "gone", 9, 1)).toBe("c");
  });

  test("of an empty list is none", () => {
    expect(stepped([], "a", 0, 1)).toBeNull();
  });
});
