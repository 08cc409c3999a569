/** The last answers, for when no others are to be had. Whoever signs in or out leaves none behind. */
import { KEPT_AT, MOST_ANSWERS, MOST_BYTES } from "./policy";

/** What a page says to have all of them forgotten. */
export const FORGET = "forget";

const NAME = "answers";
/** Beside the answers, so that it goes with them and outlives the worker: the end of the session they belong to. */
const END = "/end-of-session";

export class Answers {
  /** Counts sign-ins and sign-outs, so that no answer of before is put down after. */
  private round = 0;

  constructor(
    private readonly caches: Pick<CacheStorage, "open" | "delete">,
    private readonly now: () => number = Date.now,
  ) {}

  /** None of a session that is over, whether or not anybody could say so. */
  async find(name: string): Promise<Response | undefined> {
    const end = await this.end();
    if (end !== null && Date.parse(end) <= this.now()) await this.forget();
    return (await this.caches.open(NAME)).match(name, { ignoreVary: true });
  }

  /**
   * To be had before the server is asked: what it says of the caller does not hold for who signed in or out since.
   * Told of an end: what is kept belongs to a session that ends then; of null: to none, so that what belonged to one goes.
   */
  owner(): (end: string | null) => Promise<void> {
    const began = this.round;
    return async (end) => {
      const cache = await this.caches.open(NAME);
      const hasEnd = (await cache.match(END)) !== undefined;
      if (began !== this.round) return;
      if (end !== null) await cache.put(END, new Response(end));
      else if (hasEnd) await this.forget();
    };
  }

  private async end(): Promise<string | null> {
    const kept = await (await this.caches.open(NAME)).match(END);
    return kept === undefined ? null : kept.text();
  }

  /** To be had before the question is asked: what it puts down must belong to who asked. */
  keeper(): (name: string, response: Response) => Promise<void> {
    const began = this.round;
    return async (name, response) => {
      const body = await response.arrayBuffer();
      if (body.byteLength > MOST_BYTES) return;
      const headers = { "Content-Type": "application/json", [KEPT_AT]: new Date().toISOString() };
      const cache = await this.caches.open(NAME);
      if (began !== this.round) return;
      await cache.put(name, new Response(body, { headers }));
      const names = (await cache.keys()).filter((kept) => !isEnd(kept));
      await Promise.all(names.slice(0, -MOST_ANSWERS).map((oldest) => cache.delete(oldest)));
    };
  }

  async forget(): Promise<void> {
    this.round += 1;
    await this.caches.delete(NAME);
  }

  /** Questions that are asked while somebody signs in or out may be answered to either, so none of them stays. */
  async forgetAround<Result>(change: () => Promise<Result>): Promise<Result> {
    await this.forget();
    try {
      return await change();
    } finally {
      await this.forget();
    }
  }
}

function isEnd({ url }: Pick<Request, "url">): boolean {
  return url.endsWith(END);
}
