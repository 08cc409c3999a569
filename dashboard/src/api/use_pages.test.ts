import { afterEach, expect, test, vi } from "vitest";
import { allOf, type Paged } from "./use_pages";

interface Numbers extends Paged {
  numbers: number[];
}

/** A server with so many pages of one number each; what it was asked. */
function serve(pages: number): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (path: string) => {
    asked.push(path);
    const page = Number(new URL(path, "http://localhost").searchParams.get("cursor") ?? 1);
    return Promise.resolve(Response.json({ numbers: [page], next_cursor: page < pages ? String(page + 1) : null }));
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

test("a list is read page after page to its end", async () => {
  const asked = serve(3);

  const { pages, isCut } = await allOf<Numbers>("/api/numbers", { project: "web" }, 5);

  expect([pages.flatMap((page) => page.numbers), isCut]).toEqual([[1, 2, 3], false]);
  expect(asked.at(-1)).toBe("/api/numbers?limit=200&project=web&cursor=3");
});

test("a list that goes on is cut, and says so", async () => {
  const asked = serve(9);

  expect(await allOf<Numbers>("/api/numbers", {}, 2)).toMatchObject({ pages: [{ numbers: [1] }, { numbers: [2] }], isCut: true });
  expect(asked).toHaveLength(2);
});

test("a list that ends with the last page asked for is whole", async () => {
  serve(2);

  expect((await allOf<Numbers>("/api/numbers", {}, 2)).isCut).toBe(false);
});
