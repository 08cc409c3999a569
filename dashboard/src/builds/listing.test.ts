import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Build, Builds } from "~/api/types";
import type { Batch } from "~/live/store";
import { Listing } from "./listing";
import { PAGE, keptBuilds, rowAt } from "./rows";
import { aBuild } from "./sample";

/** A server with as many builds, newest first, which answers by cursor as the API does. */
class Server {
  readonly asked: string[] = [];
  isDown = false;

  constructor(private readonly newest: number) {}

  page(from: number): Builds {
    const builds = Array.from({ length: Math.min(PAGE, from) }, (_, step) => aBuild(from - step));
    const next = from - PAGE;
    return { builds, next_cursor: next > 0 ? String(next) : null, stale_sources: [], as_of: "2026-11-20T12:00:00Z" };
  }

  readonly answer = (input: RequestInfo | URL): Promise<Response> => {
    const address = String(input);
    this.asked.push(address);
    if (this.isDown) return Promise.resolve(Response.json({ title: "Not so", status: 400 }, { status: 400 }));
    const cursor = new URL(address, "http://x").searchParams.get("cursor");
    return Promise.resolve(Response.json(this.page(cursor === null ? this.newest : Number(cursor))));
  };
}

function heard(...builds: Build[]): Batch {
  return { builds: new Map(builds.map((build) => [build.id, build])), incidents: new Map(), gone: new Set(), isResync: false };
}

describe("a list of builds", () => {
  let server: Server;
  let listing: Listing;

  beforeEach(() => {
    server = new Server(2000);
    vi.stubGlobal("fetch", server.answer);
    listing = new Listing(new QueryClient());
    listing.pose({ branch: "main" });
    listing.top(server.page(2000), false);
  });
  afterEach(() => {
    listing.stop();
    vi.unstubAllGlobals();
  });

  async function walked(to: number): Promise<void> {
    for (let row = 0; row <= to; row += 50) {
      listing.see(row, row + 20);
      // oxlint-disable-next-line no-await-in-loop -- one walks step by step
      await vi.waitFor(() => expect(listing.now().rows?.count).toBeGreaterThan(Math.min(row + 21, 1999)));
    }
  }

  it("is fetched on the way down, and only a window of it stays in memory", async () => {
    await walked(1950);
    const { rows } = listing.now();
    expect(rows && rowAt(rows, 1999)?.id).toBe(1);
    expect(rows && keptBuilds(rows).length).toBeLessThanOrEqual(9 * PAGE);
    expect(rows && rowAt(rows, 700)).toBeUndefined();
  });

  it("has its builds again on the way back up, at their places", async () => {
    await walked(1950);
    listing.see(700, 720);
    await vi.waitFor(() => expect(rowAt(listing.now().rows ?? { pages: [], next: null, fresh: [], count: 0 }, 700)?.id).toBe(1300));
    expect(listing.now().rows?.count).toBe(2000);
  });

  it("says why it does not go on, and goes on when asked again", async () => {
    server.isDown = true;
    listing.see(0, 20);
    listing.see(50, 70);
    await vi.waitFor(() => expect(listing.now().error).not.toBeNull());
    server.isDown = false;
    listing.again();
    await vi.waitFor(() => expect(listing.now().rows?.count).toBe(2 * PAGE));
  });

  it("takes only builds that fit what was asked", () => {
    listing.hear(heard(aBuild(2001, { branch: "develop" }), aBuild(2002)), false);
    const { rows } = listing.now();
    expect(rows && rowAt(rows, 0)?.id).toBe(2002);
    expect(rows?.count).toBe(PAGE + 1);
  });

  it("counts what came while the reader was further down, and lets it in when asked", () => {
    listing.hear(heard(aBuild(2001), aBuild(2002)), true);
    expect(listing.now().rows?.fresh).toHaveLength(2);
    listing.release();
    expect(listing.now().rows?.count).toBe(PAGE + 2);
  });

  it("begins anew rather than remember everything that came in a long absence", () => {
    listing.hear(heard(...Array.from({ length: 500 }, (_, step) => aBuild(2001 + step))), true);
    expect(listing.now()).toMatchObject({ isBehind: true, rows: { fresh: [] } });
    listing.top(server.page(2500), true);
    listing.release();
    const { rows, isBehind } = listing.now();
    expect(rows && rowAt(rows, 0)?.id).toBe(2500);
    expect(isBehind).toBe(false);
  });

  it("keeps what happened while the first answer to a question was on its way", () => {
    listing.pose({ branch: "main", status: "running" });
    listing.hear(heard(aBuild(50), aBuild(51, { status: "running" }), aBuild(7, { branch: "develop", status: "running" })), false);
    const running = [aBuild(50, { status: "running", recorded_at: aBuild(1).recorded_at }), aBuild(49, { status: "running" })];
    listing.top({ builds: running, next_cursor: null, stale_sources: [], as_of: aBuild(45).recorded_at }, false);
    const { rows } = listing.now();
    expect(rows && keptBuilds(rows).map(({ id }) => id)).toEqual([51, 49]);
  });

  it("hears what happens before there is a first answer at all", () => {
    const first = new Listing(new QueryClient());
    first.pose({});
    first.hear(heard(aBuild(2001)), false);
    first.top(server.page(2000), false);
    const { rows } = first.now();
    expect(rows && rowAt(rows, 0)?.id).toBe(2001);
    first.stop();
  });

  it("does not bring back what an answer read long after no longer has", () => {
    const first = new Listing(new QueryClient());
    first.pose({});
    first.hear(heard(aBuild(2001)), false);
    first.top({ ...server.page(2000), as_of: "2027-01-01T00:00:00Z" }, false);
    const { rows } = first.now();
    expect(rows && rowAt(rows, 0)?.id).toBe(2000);
  });

  it("does not take a build back to how an answer on its way still had it", async () => {
    listing.see(0, 20);
    listing.see(50, 70);
    listing.hear(heard(aBuild(1850, { status: "failed", recorded_at: "2027-01-01T00:00:00Z" })), false);
    await vi.waitFor(() => expect(listing.now().rows?.count).toBe(2 * PAGE));
    const { rows } = listing.now();
    expect(rows && rowAt(rows, 150)?.status).toBe("failed");
  });

  it("shows the rows of the question before until the next is answered", () => {
    listing.pose({ branch: "develop" });
    expect(listing.now()).toMatchObject({ isOld: true, rows: { count: PAGE } });
    listing.top({ ...server.page(50), next_cursor: null }, false);
    expect(listing.now()).toMatchObject({ isOld: false, rows: { count: 50 } });
  });
});
