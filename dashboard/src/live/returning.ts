/** Once answers come again, everything shown is asked for again; until that is done it counts as old. */
import { caughtUp, onReturn } from "./reach";

export const SHORTEST_MS = 10_000;
export const LONGEST_MS = 120_000;

/** The first time at once; a server that comes and goes is not asked for everything each time, but ever more seldom. */
export function refreshOnReturn(refresh: () => Promise<void>): () => void {
  let pause = SHORTEST_MS;
  let roundAt = Number.NEGATIVE_INFINITY;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const round = async (): Promise<void> => {
    timer = undefined;
    roundAt = Date.now();
    await refresh();
    if (timer === undefined) caughtUp();
  };
  const stop = onReturn(() => {
    if (timer !== undefined) return;
    const passed = Date.now() - roundAt;
    pause = passed < 2 * pause ? Math.min(2 * pause, LONGEST_MS) : SHORTEST_MS;
    timer = setTimeout(() => void round(), Math.max(0, pause - passed));
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}
