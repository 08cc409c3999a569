/** A list of builds of any length: the newest page as any other answer, the rest on the way down, changes as they come. */
import { useEffect, useState, useSyncExternalStore } from "react";
import { useQueryClient } from "@tanstack/react-query";
import type { Query } from "~/api/request";
import type { Builds } from "~/api/types";
import { useGet } from "~/api/use";
import { onBatch } from "~/live/store";
import type { Standing } from "~/ui/states";
import { Listing, type Listed } from "./listing";

export interface UsedListing extends Listed {
  listing: Listing;
  /** Why there is not even a first page. */
  headError: unknown;
  askAgain: () => void;
  /** How old the newest page is, where it could not be asked for again. */
  standing: Standing;
}

/** `isAway`: the reader is further down, so that nothing may move. */
export function useListing(asked: Query, isAway: boolean): UsedListing {
  const client = useQueryClient();
  const [listing] = useState(() => new Listing(client));
  const query = usePinned(asked, isAway);
  const head = useGet<Builds>("/api/builds", Listing.headOf(query));
  const answer = head.isPlaceholderData ? undefined : head.data;

  useEffect(() => listing.pose(query), [listing, query]);
  useEffect(() => {
    if (answer !== undefined) listing.top(answer, isAway);
    // Only an answer counts here; where the reader is when it comes is looked up then.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [listing, answer]);
  useEffect(() => onBatch((batch) => listing.hear(batch, isAway)), [listing, isAway]);
  useEffect(() => () => listing.stop(), [listing]);

  const listed = useSyncExternalStore(listing.watch, listing.now);
  return { ...listed, listing, headError: head.isError ? head.error : null, askAgain: () => void head.refetch(), standing: head };
}

/** The question, which does not move on with the hour while somebody reads further down. */
function usePinned(asked: Query, isAway: boolean): Query {
  const [pinned, pin] = useState(asked);
  const isOther = JSON.stringify(asked) !== JSON.stringify(pinned);
  const isLater = JSON.stringify({ ...asked, since: null }) === JSON.stringify({ ...pinned, since: null });
  if (isOther && !(isAway && isLater)) {
    pin(asked);
    return asked;
  }
  return pinned;
}
