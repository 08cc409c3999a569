/** Answers as React reads them: kept, asked for again every two minutes, the last one shown while the next is awaited. */
import { QueryClient, keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { Refused, get, type Query } from "./request";

/** What live events do not tell is asked for again after so long. */
export const FALLBACK_MS = 120_000;

const RETRIES = 2;

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 15_000,
        gcTime: 5 * 60_000,
        refetchInterval: FALLBACK_MS,
        retry: (count, error) => count < RETRIES && isPassing(error),
        retryDelay: (count) => 500 * 2 ** count + Math.random() * 500,
        networkMode: "always",
      },
    },
  });
}

/** Whether the same question may be answered later: no answer, too many, or the server is in trouble. */
export function isPassing(error: unknown): boolean {
  return error instanceof Refused && (error.status === 0 || error.status === 429 || error.status >= 500);
}

export interface Options {
  enabled?: boolean;
  /** Show nothing rather than the answer to the question before. */
  isFresh?: boolean;
  refetchInterval?: number | false;
}

/** The name of an answer and how it comes, for who uses it and for who only has it asked ahead. */
export function question<Answer>(path: string, query: Query): { queryKey: [string, Query]; queryFn: (context: { signal: AbortSignal }) => Promise<Answer> } {
  return { queryKey: [path, query], queryFn: ({ signal }) => get<Answer>(path, query, signal) };
}

export function useGet<Answer>(path: string, query: Query = {}, options: Options = {}): UseQueryResult<Answer> {
  const { isFresh = false, ...rest } = options;
  return useQuery({
    ...question<Answer>(path, query),
    ...(isFresh ? {} : { placeholderData: keepPreviousData }),
    ...rest,
  });
}
