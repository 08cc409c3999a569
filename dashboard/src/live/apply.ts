/** What happened makes answers old: those counted are asked for again. Lists of builds in sight hear of it themselves. */
import type { QueryClient } from "@tanstack/react-query";
import { Again, type Concerns } from "./again";
import { isCounted, mayMove } from "./moved";
import type { Batch } from "./store";

const everything: Concerns = () => true;

export function applier(client: QueryClient): (batch: Batch) => void {
  const counted = new Again(client, ({ queryKey }) => isCounted(queryKey));
  const all = new Again(client, everything);
  return (batch) => {
    const isAnything = batch.isResync || batch.gone.size > 0;
    const moved: Concerns = isAnything ? everything : ({ queryKey }) => mayMove(queryKey, batch);
    // What nobody looks at hears of nothing, and must not be taken for the present when it comes in sight again.
    void client.invalidateQueries({ type: "inactive", refetchType: "none", predicate: moved });
    if (isAnything) all.ask();
    else counted.ask(moved);
  };
}
