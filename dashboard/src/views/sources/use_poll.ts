/** Asking for a poll, and what came of it. */
import { useCallback, useState, type ReactElement } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { send } from "~/api/request";
import { count } from "~/lib/numbers";
import { useKeyed } from "~/session/keyed";
import type { Triggered } from "./types";

export interface Poll {
  /** One source, or every one. */
  ask: (source: number | null) => void;
  busy: number | "all" | null;
  said: { words: string; isError: boolean } | null;
  sheet: ReactElement | null;
}

export function usePoll(): Poll {
  const client = useQueryClient();
  const { attempt, sheet } = useKeyed("to poll now", "collect");
  const [busy, setBusy] = useState<number | "all" | null>(null);
  const [said, say] = useState<Poll["said"]>(null);
  const ask = useCallback(
    (source: number | null): void => {
      const run = async (): Promise<void> => {
        const done = await send<Triggered>("POST", "/api/collect/trigger", source === null ? {} : { source_id: source });
        say({ words: `Asked for: ${count(done.sources.length, "source")} ${done.sources.length === 1 ? "is" : "are"} polled now.`, isError: false });
        await client.invalidateQueries({ queryKey: ["/api/sources"] });
      };
      setBusy(source ?? "all");
      say(null);
      attempt(run)
        .catch((error: unknown) => say({ words: error instanceof Error ? error.message : String(error), isError: true }))
        .finally(() => setBusy(null));
    },
    [attempt, client],
  );
  return { ask, busy, said, sheet };
}
