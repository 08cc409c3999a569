/** A list that comes in pages: the states of it, and the way on. */
import type { ReactElement, ReactNode } from "react";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { Failure, Former, Loading, Older } from "~/ui/states";

interface Props<Page> {
  of: UseInfiniteQueryResult<InfiniteData<Page, string | null>>;
  children: (pages: readonly Page[]) => ReactNode;
}

export function Listed<Page>({ of, children }: Props<Page>): ReactElement {
  if (of.data === undefined) return of.isError ? <Failure error={of.error} again={() => void of.refetch()} /> : <div className="alerts-waits"><Loading rows={6} /></div>;
  return (
    <>
      <Older of={of} />
      <Former of={of}>{children(of.data.pages)}</Former>
      {of.isFetchNextPageError && <Failure error={of.error} again={() => void of.fetchNextPage()} />}
      {of.hasNextPage && !of.isFetchNextPageError && (
        <p className="alerts-more">
          <button type="button" className="button" disabled={of.isFetchingNextPage} onClick={() => void of.fetchNextPage()}>{of.isFetchingNextPage ? "Loading…" : "Show more"}</button>
        </p>
      )}
    </>
  );
}
