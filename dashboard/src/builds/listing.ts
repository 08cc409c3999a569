/** What stands behind a table of builds: the list so far, what is being fetched for it, and what happens meanwhile. */
import type { QueryClient } from "@tanstack/react-query";
import { get, type Query } from "~/api/request";
import type { Build, Builds } from "~/api/types";
import { isPassing } from "~/api/use";
import type { Batch } from "~/live/store";
import { fits } from "./filter";
import { MOST_ON_TOP, PAGE, begun, cleared, extended, indexOf, keptBuilds, mayLack, missing, pageAt, portionOf, refilled, refreshed, released, told, windowed, type Page, type Rows } from "./rows";

/** Pages kept on either side of those in sight. */
const KEPT_PAGES = 3;
/** Rows before the end of the list at which it is asked to go on. */
const AHEAD = PAGE / 2;
const AGAIN_MS = 2_000;
const RETRIES = 2;
/** No answer is on its way for longer. */
const REMEMBERED_MS = 60_000;

export interface Listed {
  rows: Rows | undefined;
  /** The rows answer the question before; the answer to this one is awaited. */
  isOld: boolean;
  /** So much happened while the reader was further down that the top is asked for anew. */
  isBehind: boolean;
  /** Why the list does not go on. */
  error: unknown;
}

const NOTHING: Listed = { rows: undefined, isOld: false, isBehind: false, error: null };

export class Listing {
  private listed = NOTHING;
  private query: Query = {};
  private newest: Builds | undefined;
  private sight: readonly [number, number] = [0, 0];
  private round = 0;
  private beginsAnew = false;
  /** Told lately: answers that are still on their way may not know of it. */
  private readonly heard = new Map<number, Build>();
  private readonly busy = new Set<string>();
  private readonly watchers = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly client: QueryClient) {}

  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  readonly now = (): Listed => this.listed;

  /** What is asked of the API for the newest page. */
  static headOf(query: Query): Query {
    return { ...query, limit: PAGE };
  }

  pose(query: Query): void {
    if (JSON.stringify(query) === JSON.stringify(this.query)) return;
    this.query = query;
    this.round += 1;
    this.busy.clear();
    this.change({ isOld: this.listed.rows !== undefined, isBehind: false, error: null });
  }

  /** The newest page, asked for the first time or again. */
  top(answer: Builds, holds: boolean): void {
    this.newest = answer;
    const { rows, isOld } = this.listed;
    const begins = rows === undefined || isOld || this.beginsAnew;
    const next = begins ? null : refreshed(rows, answer, holds);
    if (next === null && !begins && holds) return this.change({ isBehind: true });
    if (next === null) this.begin(answer);
    else this.change({ rows: next });
    this.bring([...this.heard.values()].filter((build) => mayLack(answer, build)), holds);
    if (next !== null) this.refresh();
  }

  hear(batch: Batch, holds: boolean): void {
    this.remember(batch);
    const { rows, isOld } = this.listed;
    if (rows === undefined || isOld) return;
    const left = cleared(rows, batch.gone);
    if (left !== rows) this.change({ rows: left });
    this.bring([...batch.builds.values()], holds);
  }

  private remember({ builds, gone }: Batch): void {
    // Put in anew, so that what was told last comes last.
    for (const [id, build] of builds) {
      this.heard.delete(id);
      this.heard.set(id, build);
    }
    for (const id of gone) this.heard.delete(id);
    const newest = Math.max(...[...builds.values()].map((build) => Date.parse(build.recorded_at)));
    for (const [id, build] of this.heard) {
      if (Date.parse(build.recorded_at) >= newest - REMEMBERED_MS) break;
      this.heard.delete(id);
    }
  }

  private bring(builds: readonly Build[], holds: boolean): void {
    const { rows } = this.listed;
    if (rows === undefined || builds.length === 0) return;
    const known = new Map<number, Build>();
    for (const build of builds) {
      const { id } = build;
      const isThere = indexOf(rows, id) >= 0 || rows.fresh.some((one) => one.id === id);
      if (isThere || fits(build, this.query) === "yes") known.set(id, build);
      else if (fits(build, this.query) === "perhaps") this.askTopAgain();
    }
    if (known.size === 0) return;
    const next = told(rows, known, this.mayFit, holds);
    if (next.fresh.length > MOST_ON_TOP) this.change({ rows: { ...next, fresh: [] }, isBehind: true });
    else if (next !== rows) this.change({ rows: next });
    if ((next.pages[0]?.count ?? 0) > MOST_ON_TOP && !holds) this.anew();
  }

  /** Which rows are in sight: those around them are fetched, those far away let go. */
  see(first: number, last: number): void {
    const { rows, error, isOld } = this.listed;
    if (rows === undefined || isOld) return;
    this.sight = [first, last];
    const [from, to] = [pageAt(rows, first), pageAt(rows, last)];
    const next = windowed(rows, from - KEPT_PAGES, to + KEPT_PAGES);
    if (next !== rows) this.change({ rows: next });
    for (const place of missing(next, from - 1, to + 1)) void this.refill(place);
    if (next.next !== null && error === null && last >= next.count - AHEAD) void this.extend();
  }

  /** What was held back is let in. */
  release(): void {
    const { rows, isBehind } = this.listed;
    if (rows === undefined) return;
    if (isBehind && this.newest !== undefined) {
      this.begin(this.newest);
      this.askTopAgain();
    } else this.change({ rows: released(rows) });
  }

  /** The list goes on after an error. */
  again(): void {
    this.change({ error: null });
    this.see(...this.sight);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private begin(answer: Builds): void {
    this.round += 1;
    this.busy.clear();
    this.beginsAnew = false;
    this.change({ rows: begun(answer), isOld: false, isBehind: false, error: null });
  }

  private anew(): void {
    this.beginsAnew = true;
    this.askTopAgain();
  }

  private askTopAgain(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void this.client.invalidateQueries({ queryKey: ["/api/builds", Listing.headOf(this.query)], exact: true });
    }, AGAIN_MS);
  }

  private refresh(): void {
    const { rows } = this.listed;
    if (rows === undefined) return;
    const [from, to] = [pageAt(rows, this.sight[0]), pageAt(rows, this.sight[1])];
    for (let place = Math.max(1, from); place <= to; place += 1) void this.refill(place);
  }

  private extend(): Promise<void> {
    const cursor = this.listed.rows?.next ?? null;
    return this.once(`next ${cursor}`, async () => {
      const answer = await this.ask(cursor);
      return (rows) => extended(rows, answer);
    });
  }

  private async refill(place: number): Promise<void> {
    const page = this.listed.rows?.pages[place];
    if (page === undefined) return;
    await this.once(`page ${page.cursor}`, async () => {
      const builds = await this.portion(page, page.cursor);
      return (rows) => refilled(rows, rows.pages.findIndex((one) => one.cursor === page.cursor), builds);
    });
  }

  /** A page may have grown since, so it ends where it ended, not after so many. */
  private async portion(page: Page, cursor: string | null): Promise<Build[]> {
    const answer = await this.ask(cursor);
    const { builds, isComplete } = portionOf(page, answer);
    return isComplete ? builds : [...builds, ...(await this.portion(page, answer.next_cursor))];
  }

  private async once(what: string, fetch: () => Promise<(rows: Rows) => Rows>): Promise<void> {
    if (this.busy.has(what)) return;
    const { round } = this;
    this.busy.add(what);
    try {
      const bring = await fetch();
      if (round === this.round && this.listed.rows !== undefined) this.change({ rows: this.corrected(bring(this.listed.rows)) });
    } catch (error) {
      if (round === this.round) this.change({ error });
    } finally {
      if (round === this.round) this.busy.delete(what);
    }
  }

  /** Rows that came just now as they stand by what was told while they were on their way. */
  private corrected(rows: Rows): Rows {
    const changed = new Map(keptBuilds(rows).flatMap(({ id }) => {
      const build = this.heard.get(id);
      return build === undefined ? [] : [[id, build] as const];
    }));
    return told(rows, changed, this.mayFit, true);
  }

  private readonly mayFit = (build: Build): boolean => fits(build, this.query) !== "no";

  private ask(cursor: string | null): Promise<Builds> {
    const query = { ...Listing.headOf(this.query), cursor };
    return this.client.fetchQuery({
      queryKey: ["page of builds", query],
      queryFn: ({ signal }) => get<Builds>("/api/builds", query, signal),
      staleTime: 0,
      gcTime: 0,
      retry: (count, error) => count < RETRIES && isPassing(error),
    });
  }

  private change(changes: Partial<Listed>): void {
    this.listed = { ...this.listed, ...changes };
    for (const watcher of this.watchers) watcher();
    // What is in sight may end sooner now, or lack its builds.
    if (changes.rows !== undefined) this.see(...this.sight);
  }
}
