/** The waterfall as it stands: first what a screen shows, then the rest; events change its cells, and what they do not tell is asked for by commit. */
import { useCallback, useEffect, useMemo, useState } from "react";
import { useInfiniteQuery, useQueryClient, type InfiniteData, type QueryClient, type UseInfiniteQueryResult } from "@tanstack/react-query";
import { get, type Query } from "~/api/request";
import { isSameList, useSame } from "~/state/use_same";
import { useRem } from "~/ui/size";
import { onBatch } from "~/live/store";
import { Commits } from "./commits";
import { Heard } from "./heard";
import { columnsOf, partOf, type Column, type Part, type Row } from "./model";
import { told, withRows } from "./patch";
import { rowsOfScreen } from "./sight";
import type { Waterfall } from "./types";

const STEP = 50;

/** One page of commits, as it is asked for. */
interface Asked {
  cursor: string | null;
  limit: number;
}

type Parts = InfiniteData<Part, Asked>;

export interface UsedWaterfall {
  rows: readonly Row[];
  columns: readonly Column[];
  /** Every column and every job's cell is there. */
  isWhole: boolean;
  answers: UseInfiniteQueryResult<InfiniteData<Part>>;
  /** Older commits, as many again. */
  more: () => void;
}

export function useWaterfall(asked: Query): UsedWaterfall {
  const client = useQueryClient();
  const query = useSame(asked, isSameQuestion);
  const key = useMemo(() => ["/api/waterfall", query], [query]);
  const [heard] = useState(() => new Heard());
  const read = useReading(client, key, query, heard);
  const first = useScreen();
  const answers = useInfiniteQuery({
    queryKey: key,
    queryFn: async ({ pageParam, signal }) => read(await get<Waterfall>("/api/waterfall", { ...query, ...pageParam }, signal)),
    initialPageParam: { cursor: null, limit: first } as Asked,
    getNextPageParam: ({ next }, { length }, { limit }) => (next === null ? null : { cursor: next, limit: length === 1 ? STEP - limit : STEP }),
    // Parts share what stayed the same by themselves.
    structuralSharing: false,
  });
  const [wanted, want] = useState(STEP);
  const parts = answers.data?.pages ?? NONE;
  const rows = useMemo(() => parts.flatMap((part) => part.rows), [parts]);
  const { hasNextPage, isFetching, isError, fetchNextPage } = answers;
  const lacks = hasNextPage && rows.length < wanted;
  useEffect(() => {
    if (lacks && !isFetching && !isError) void fetchNextPage();
  }, [lacks, isFetching, isError, fetchNextPage]);
  useEvents(client, key, query, heard, read);
  return {
    rows,
    columns: useSame(useMemo(() => columnsOf(parts), [parts]), isSameList),
    isWhole: parts.every((part) => part.hasAllJobs && part.hasAllPipelines),
    answers,
    more: () => {
      want(rows.length + STEP);
      // It would take the place of a question that is under way; the commits are asked for after that one.
      if (!isFetching) void fetchNextPage();
    },
  };
}

const NONE: readonly Part[] = [];

/** What is kept of this question. */
function partsAt(client: QueryClient, key: readonly unknown[]): readonly Part[] {
  return client.getQueryData<Parts>(key)?.pages ?? NONE;
}

/** A moment for what else the page has to do. */
function breath(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** As many rows as a screen has: the sooner they come, the sooner there is something to see. */
function useScreen(): number {
  const rem = useRem();
  const [height] = useState(() => window.innerHeight);
  return rowsOfScreen(height, rem);
}

function isSameQuestion(one: Query, other: Query): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

type Reading = (answer: Waterfall) => Promise<Part>;

/** Answers as parts, corrected by what was told while they were on their way. */
function useReading(client: QueryClient, key: readonly unknown[], query: Query, heard: Heard): Reading {
  return useCallback(async (answer) => {
    const part = await partOf(answer, partsAt(client, key), breath);
    const [corrected = part] = told([part], heard.missingIn(answer), query).parts;
    return corrected;
  }, [client, key, query, heard]);
}

/** Cells change as their builds do, without a question; then their commits are asked for, which tells of the jobs. */
function useEvents(client: QueryClient, key: readonly unknown[], query: Query, heard: Heard, read: Reading): void {
  useEffect(() => {
    const change = (to: (parts: readonly Part[]) => readonly Part[]): void =>
      void client.setQueryData<Parts>(key, (before) => {
        const pages = before === undefined ? NONE : to(before.pages);
        return before === undefined || pages === before.pages ? before : { ...before, pages: [...pages] };
      });
    const all = (): Promise<void> => client.invalidateQueries({ queryKey: key, exact: true }, { cancelRefetch: false });
    const some = async (commits: readonly string[]): Promise<void> => {
      const part = await read(await get<Waterfall>("/api/waterfall", { ...query, commit_sha: commits }));
      change((parts) => withRows(parts, part));
    };
    const commits = new Commits({ all, some, isBusy: () => client.isFetching({ queryKey: key, exact: true }) > 0 });
    const stop = onBatch((batch) => {
      heard.add(batch);
      const after = told(partsAt(client, key), batch.builds.values(), query);
      change(() => after.parts);
      commits.hear(after.commits, after.isStrange);
    });
    return () => {
      stop();
      // Whoever comes back to this question is to have it asked again.
      if (commits.stop()) void client.invalidateQueries({ queryKey: key, exact: true, refetchType: "none" });
    };
  }, [client, key, query, heard, read]);
}
