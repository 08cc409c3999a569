import { expect, test } from "vitest";
import { Answers, FORGET } from "./answers";
import { KEPT_AT, MOST_ANSWERS, MOST_BYTES } from "./policy";
import * as register from "./register";

/** As browsers keep answers, by name; this environment has no such store. */
class Store {
  private kept = new Map<string, Response>();

  open(): Promise<Cache> {
    const { kept } = this;
    const cache = {
      match: (name: string) => Promise.resolve(kept.get(name)?.clone()),
      put: (name: string, response: Response) => Promise.resolve(void kept.set(name, response)),
      keys: () => Promise.resolve([...kept.keys()].map((url) => ({ url }))),
      delete: ({ url }: { url: string }) => Promise.resolve(kept.delete(url)),
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

const NOON = Date.UTC(2026, 10, 20, 12);

async function ofASession(until: number): Promise<{ answers: Answers; clock: { now: number }; store: Store }> {
  const [clock, store] = [{ now: NOON }, new Store()];
  const answers = new Answers(store, () => clock.now);
  await answers.owner()(new Date(until).toISOString());
  await answers.keeper()("/api/builds", answer());
  return { answers, clock, store };
}

test("what a session was needed for is not shown a moment after its end", async () => {
  const { answers, clock } = await ofASession(NOON + 1000);
  clock.now = NOON + 999;
  expect(await answers.find("/api/builds")).toBeDefined();
  clock.now = NOON + 1000;
  expect(await answers.find("/api/builds")).toBeUndefined();
});

test("a worker that was stopped and started again still knows the end", async () => {
  const { store } = await ofASession(NOON + 1000);
  expect(await new Answers(store, () => NOON + 2000).find("/api/builds")).toBeUndefined();
});

test("what was kept for a session goes when the server says that there is none, and only then", async () => {
  const { answers } = await ofASession(NOON + 1000);
  await answers.owner()(new Date(NOON + 1000).toISOString());
  expect(await answers.find("/api/builds")).toBeDefined();
  await answers.owner()(null);
  expect(await answers.find("/api/builds")).toBeUndefined();
});

test("an answer to nobody from before somebody signed in takes nothing from the session, its end neither", async () => {
  const clock = { now: NOON };
  const answers = new Answers(new Store(), () => clock.now);
  const before = answers.owner();
  await answers.forgetAround(() => Promise.resolve());
  await answers.owner()(new Date(NOON + 1000).toISOString());
  await answers.keeper()("/api/builds", answer());

  await before(null);

  expect(await answers.find("/api/builds")).toBeDefined();
  clock.now = NOON + 1000;
  expect(await answers.find("/api/builds")).toBeUndefined();
});

test("the end of a session that was signed out of meanwhile is not put down", async () => {
  const answers = new Answers(new Store(), () => NOON + 2000);
  const before = answers.owner();
  await answers.forgetAround(() => Promise.resolve());
  await before(new Date(NOON + 1000).toISOString());
  await answers.keeper()("/api/builds", answer());
  expect(await answers.find("/api/builds")).toBeDefined();
});

test("what needed no session stays, whoever asks", async () => {
  const answers = new Answers(new Store());
  await answers.keeper()("/api/builds", answer());
  await answers.owner()(null);
  expect(await answers.find("/api/builds")).toBeDefined();
});

test("page and worker mean the same, though they share no code", () => {
  expect(FORGET).toBe(register.FORGET);
});

test("the end of the session is no answer that makes room for others", async () => {
  const { answers, clock } = await ofASession(NOON + 1000);
  for (let number = 0; number <= MOST_ANSWERS; number += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other, so that the first is the oldest
    await answers.keeper()(`/api/builds/${number}`, answer());
  }
  clock.now = NOON + 1000;
  expect(await answers.find(`/api/builds/${MOST_ANSWERS}`)).toBeUndefined();
});
