import { expect, test } from "vitest";
import { Answers } from "./answers";
import { KEPT_AT, MOST_ANSWERS, MOST_BYTES } from "./policy";

/** As browsers keep answers, by name; this environment has no such store. */
class Store {
  private kept = new Map<string, Response>();

  open(): Promise<Cache> {
    const { kept } = this;
    const cache = {
      match: (name: string) => Promise.resolve(kept.get(name)?.clone()),
      put: (name: string, response: Response) => Promise.resolve(void kept.set(name, response)),
      keys: () => Promise.resolve([...kept.keys()]),
      delete: (name: string) => Promise.resolve(kept.delete(name)),
    };
    return Promise.resolve(cache as unknown as Cache);
  }

  delete(): Promise<boolean> {
    this.kept = new Map();
    return Promise.resolve(true);
  }
}

function answer(words = "{}"): Response {
  return new Response(words);
}

test("what was kept is found again with the time it came", async () => {
  const answers = new Answers(new Store());
  await answers.keeper()("/api/builds", answer("[7]"));
  const found = await answers.find("/api/builds");
  expect(await found?.text()).toBe("[7]");
  expect(Date.parse(found?.headers.get(KEPT_AT) ?? "")).toBeGreaterThan(Date.now() - 60_000);
});

test("what was asked before somebody signed out is not put down after", async () => {
  const answers = new Answers(new Store());
  const keep = answers.keeper();
  await answers.forgetAround(() => Promise.resolve());
  await keep("/api/builds", answer());
  expect(await answers.find("/api/builds")).toBeUndefined();
});

test("what was asked and kept while somebody signed out is gone with the session", async () => {
  const answers = new Answers(new Store());
  await answers.forgetAround(() => answers.keeper()("/api/builds", answer()));
  expect(await answers.find("/api/builds")).toBeUndefined();
});

test("what was asked while somebody signed out and answered later is not put down either", async () => {
  const answers = new Answers(new Store());
  const keep = await answers.forgetAround(() => Promise.resolve(answers.keeper()));
  await keep("/api/builds", answer());
  expect(await answers.find("/api/builds")).toBeUndefined();
});

test("a sign-out that does not reach the server forgets all the same, and says that it failed", async () => {
  const answers = new Answers(new Store());
  await answers.keeper()("/api/builds", answer());
  await expect(answers.forgetAround(() => Promise.reject(new Error("no network")))).rejects.toThrow("no network");
  expect(await answers.find("/api/builds")).toBeUndefined();
});

test("the oldest make room, and what is very large is not kept", async () => {
  const answers = new Answers(new Store());
  for (let number = 0; number <= MOST_ANSWERS; number += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other, so that the first is the oldest
    await answers.keeper()(`/api/builds/${number}`, answer());
  }
  await answers.keeper()("/api/large", answer("x".repeat(MOST_BYTES + 1)));
  expect(await answers.find("/api/builds/0")).toBeUndefined();
  expect(await answers.find(`/api/builds/${MOST_ANSWERS}`)).toBeDefined();
  expect(await answers.find("/api/large")).toBeUndefined();
});
