/** The last answers, for when no others are to be had. Whoever signs in or out leaves none behind. */
import { KEPT_AT, MOST_ANSWERS, MOST_BYTES } from "./policy";

const NAME = "answers";

export class Answers {
  /** Counts sign-ins and sign-outs, so that no answer of before is put down after. */
  private round = 0;

  constructor(private readonly caches: Pick<CacheStorage, "open" | "delete">) {}

  async find(name: string): Promise<Response | undefined> {
    return (await this.caches.open(NAME)).match(name, { ignoreVary: true });
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
      const names = await cache.keys();
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
