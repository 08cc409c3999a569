/** Lists that come in pages: to the end where that is near, or page by page as somebody goes on. */
import { keepPreviousData, useInfiniteQuery, useQuery, type InfiniteData, type UseInfiniteQueryResult, type UseQueryResult } from "@tanstack/react-query";
import { get, type Query } from "./request";

/** As much as the API gives at once. */
export const PAGE = 200;

/** Further than anybody reads. */
export const MOST_PAGES = 10;

export interface Paged {
  next_cursor: string | null;
}

export interface All<Page extends Paged> {
  pages: readonly Page[];
  /** There are more than were asked for. */
  isCut: boolean;
}

interface AllOptions<Page extends Paged, Wanted> {
  most?: number;
  enabled?: boolean;
  refetchInterval?: number;
  /** What is wanted of the pages: outside of the component, so that it is made anew only of a new answer. */
  select?: (all: All<Page>) => Wanted;
}

/** The name of all pages as one answer, and how they come. */
export function questionOfAll<Page extends Paged>(path: string, query: Query, most: number): { queryKey: [string, string, Query, number]; queryFn: (context: { signal: AbortSignal }) => Promise<All<Page>> } {
  return { queryKey: [path, "all", query, most], queryFn: ({ signal }) => allOf<Page>(path, query, most, signal) };
}

/** Every page up to `most`, as one answer. */
export function useAll<Page extends Paged, Wanted = All<Page>>(path: string, query: Query = {}, options: AllOptions<Page, Wanted> = {}): UseQueryResult<Wanted> {
  const { most = 5, ...rest } = options;
  return useQuery<All<Page>, Error, Wanted>({
    ...questionOfAll<Page>(path, query, most),
    placeholderData: keepPreviousData,
    ...rest,
  });
}

export async function allOf<Page extends Paged>(path: string, query: Query, most: number, signal?: AbortSignal): Promise<All<Page>> {
  const pages: Page[] = [];
  let cursor: string | null = null;
  do {
    // oxlint-disable-next-line no-await-in-loop -- each page says where the next one begins
    const page: Page = await get<Page>(path, { limit: PAGE, ...query, cursor }, signal);
    pages.push(page);
    cursor = page.next_cursor;
  } while (cursor !== null && pages.length < most);
  return { pages, isCut: cursor !== null };
}

/** Page by page. */
export function usePages<Page extends Paged>(path: string, query: Query = {}, options: { refetchInterval?: number } = {}): UseInfiniteQueryResult<InfiniteData<Page, string | null>> {
  return useInfiniteQuery({
    queryKey: [path, "pages", query],
    queryFn: ({ pageParam, signal }) => get<Page>(path, { ...query, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
    ...options,
  });
}
