/**
 * A long list of builds of which only a part is kept: pages keep their place and height after their builds are let go,
 * so the scrollbar does not move, and are fetched again by the cursor they began with. Pure: every change gives a new list.
 */
import type { Build, Builds } from "~/api/types";
import { compare, isAbove, laterOf } from "./order";

export const PAGE = 100;

/** The first page grows by what happens; past this it is asked for anew. */
export const MOST_ON_TOP = 4 * PAGE;

/** What is recorded is there for others only once its transaction ends, which takes no longer. */
const COMMIT_MS = 5_000;

export interface Page {
  /** What it is asked for by; null: the newest. */
  cursor: string | null;
  count: number;
  /** Null once they are let go. */
  builds: readonly Build[] | null;
  /** Its last build: where it ends when it is asked for again. */
  oldest: Pick<Build, "queued_at" | "id"> | null;
}

export interface Rows {
  pages: readonly Page[];
  /** Where the list goes on; null at its end. */
  next: string | null;
  /** Builds that came while the reader was further down. */
  fresh: readonly Build[];
  count: number;
}

export type Matching = (build: Build) => boolean;

type Answer = Pick<Builds, "builds" | "next_cursor">;

export function begun(answer: Answer): Rows {
  return listed([pageOf(null, answer.builds)], answer.next_cursor, []);
}

/** With the next page at the end. Of builds that are there already none comes twice. */
export function extended(rows: Rows, answer: Answer): Rows {
  const end = rows.pages.findLast((page) => page.oldest !== null)?.oldest;
  const builds = end ? answer.builds.filter((build) => isAbove(end, build)) : answer.builds;
  if (builds.length === 0) return { ...rows, next: answer.next_cursor };
  return listed([...rows.pages, pageOf(rows.next, builds)], answer.next_cursor, rows.fresh);
}

/** A page that was let go, with its builds again. What was told meanwhile stays. */
export function refilled(rows: Rows, place: number, answer: readonly Build[]): Rows {
  const known = new Map(rows.pages[place]?.builds?.map((build) => [build.id, build]));
  const builds = answer.map((build) => laterOf(known.get(build.id) ?? build, build));
  const pages = rows.pages.map((page, index) => (index === place ? { ...page, builds, count: builds.length } : page));
  return listed(pages, rows.next, rows.fresh);
}

/** What of an answer belongs to this page, and whether the page is complete with it. */
export function portionOf(page: Page, answer: Answer): { builds: Build[]; isComplete: boolean } {
  const end = page.oldest;
  if (end === null) return { builds: [], isComplete: true };
  const builds = answer.builds.filter((build) => !isAbove(end, build));
  return { builds, isComplete: builds.length < answer.builds.length || builds.some((build) => build.id === end.id) || answer.next_cursor === null };
}

/** Without the builds of pages outside `first…last`. The newest page stays: what happens is told of it. */
export function windowed(rows: Rows, first: number, last: number): Rows {
  const isKept = (place: number): boolean => place === 0 || (place >= first && place <= last);
  if (rows.pages.every((page, place) => page.builds === null || isKept(place))) return rows;
  return { ...rows, pages: rows.pages.map((page, place) => (isKept(place) ? page : { ...page, builds: null })) };
}

/** Pages within `first…last` whose builds are wanted again. */
export function missing(rows: Rows, first: number, last: number): number[] {
  return rows.pages.flatMap((page, place) => (page.builds === null && place >= first && place <= last ? [place] : []));
}

/** Whether an answer may not know of this state yet. */
export function mayLack(answer: Pick<Builds, "as_of">, build: Build): boolean {
  return Date.parse(build.recorded_at) >= Date.parse(answer.as_of) - COMMIT_MS;
}

/** What changed, brought in: known builds in place, those that fit no more taken out, new ones on top (or held back) or where they belong. */
export function told(rows: Rows, changed: ReadonlyMap<number, Build>, fits: Matching, holds: boolean): Rows {
  const seen = new Set<number>(rows.fresh.map((build) => build.id));
  const pages = rows.pages.map((page) => updated(page, changed, fits, seen));
  const held = rows.fresh.map((build) => laterOf(build, changed.get(build.id) ?? build)).filter(fits);
  const strangers = [...changed.values()].filter((build) => !seen.has(build.id) && fits(build));
  const top = topOf(rows);
  const [newer, late] = parted(strangers, (build) => top === undefined || isAbove(build, top));
  const placed = pages.map((page, place) => withLate(page, late.filter((build) => homeOf(rows, build) === place)));
  const isSame = newer.length === 0 && placed.every((page, place) => page === rows.pages[place]) && held.every((build, place) => build === rows.fresh[place]) && held.length === rows.fresh.length;
  if (isSame) return rows;
  const next = listed(placed, rows.next, [...newer, ...held].sort(compare));
  return holds ? next : released(next);
}

/** Without builds that were deleted. */
export function cleared(rows: Rows, gone: ReadonlySet<number>): Rows {
  const isGone = ({ id }: Build): boolean => gone.has(id);
  const pages = rows.pages.map((page) => without(page, isGone));
  if (!rows.fresh.some(isGone) && pages.every((page, place) => page === rows.pages[place])) return rows;
  return listed(pages, rows.next, rows.fresh.filter((build) => !isGone(build)));
}

/** What was held back comes on top. */
export function released(rows: Rows): Rows {
  const [first, ...others] = rows.pages;
  if (rows.fresh.length === 0 || first === undefined) return rows;
  const builds = [...rows.fresh, ...(first.builds ?? [])];
  return listed([{ ...first, ...pageOf(null, builds) }, ...others], rows.next, []);
}

/** The newest page as it is now. Null: so much is new that the list begins anew. */
export function refreshed(rows: Rows, answer: Answer & Pick<Builds, "as_of">, holds: boolean): Rows | null {
  const [first] = rows.pages;
  const top = topOf(rows);
  const end = answer.builds.at(-1);
  if (first?.builds == null || top === undefined || end === undefined) return null;
  if (isAbove(end, top) && answer.next_cursor !== null) return null;
  const present = new Map(answer.builds.map((build) => [build.id, build]));
  const isGone = (build: Build): boolean => !present.has(build.id) && !mayLack(answer, build) && (answer.next_cursor === null || isAbove(build, end));
  const pages = rows.pages.map((page) => without(page, isGone));
  return told(listed(pages, rows.next, rows.fresh.filter((build) => !isGone(build))), present, () => true, holds);
}

/** The build of a row; undefined where its page is not there. */
export function rowAt(rows: Rows, index: number): Build | undefined {
  let start = 0;
  for (const page of rows.pages) {
    if (index < start + page.count) return page.builds?.[index - start];
    start += page.count;
  }
  return undefined;
}

/** Which page a row is of; the last one for rows beyond. */
export function pageAt(rows: Rows, index: number): number {
  let end = 0;
  const place = rows.pages.findIndex((page) => index < (end += page.count));
  return place === -1 ? Math.max(0, rows.pages.length - 1) : place;
}

/** Where a build stands; -1 where it is not among those kept. */
export function indexOf(rows: Rows, id: number): number {
  let start = 0;
  for (const page of rows.pages) {
    const within = page.builds?.findIndex((build) => build.id === id) ?? -1;
    if (within >= 0) return start + within;
    start += page.count;
  }
  return -1;
}

export function keptBuilds(rows: Rows): Build[] {
  return rows.pages.flatMap((page) => page.builds ?? []);
}

function topOf(rows: Rows): Build | undefined {
  return rows.fresh[0] ?? rows.pages[0]?.builds?.[0];
}

function updated(page: Page, changed: ReadonlyMap<number, Build>, fits: Matching, seen: Set<number>): Page {
  if (page.builds === null) return page;
  let isTouched = false;
  const builds = page.builds.flatMap((build) => {
    const next = changed.get(build.id);
    if (next === undefined) return [build];
    seen.add(build.id);
    const now = laterOf(build, next);
    if (now === build) return [build];
    isTouched = true;
    return fits(now) ? [now] : [];
  });
  return isTouched ? { ...page, builds, count: builds.length } : page;
}

/** The page a build belongs to that was learnt of late; -1 where that part of the list was not asked for yet. */
function homeOf(rows: Rows, build: Build): number {
  const place = rows.pages.findIndex((page) => page.oldest !== null && !isAbove(page.oldest, build));
  return place === -1 && rows.next === null ? rows.pages.length - 1 : place;
}

function withLate(page: Page, late: readonly Build[]): Page {
  if (page.builds === null || late.length === 0) return page;
  const builds = [...page.builds, ...late].sort(compare);
  return { ...page, builds, count: builds.length, oldest: builds.at(-1) ?? null };
}

function parted<Item>(items: readonly Item[], isFirst: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

function without(page: Page, isGone: (build: Build) => boolean): Page {
  if (!page.builds?.some(isGone)) return page;
  const builds = page.builds.filter((build) => !isGone(build));
  return { ...page, builds, count: builds.length };
}

function pageOf(cursor: string | null, builds: readonly Build[]): Page {
  return { cursor, count: builds.length, builds, oldest: builds.at(-1) ?? null };
}

function listed(pages: readonly Page[], next: string | null, fresh: readonly Build[]): Rows {
  return { pages, next, fresh, count: pages.reduce((sum, page) => sum + page.count, 0) };
}
