/** Which commits are to be asked for again, and when: one question after the other, resting longer the longer answers take. */
import { isPassing } from "~/api/use";
import { AGAIN_MS, pauseAfter } from "~/live/again";

/** Of more than that everything is asked for. */
export const MOST_COMMITS = 20;

/** What follows an event closely is asked for with it. */
export const FIRST_MS = 300;

/** The longest rest of a server that cannot answer. */
const LONGEST_MS = 60_000;

interface Ways {
  some: (commits: readonly string[]) => Promise<void>;
  all: () => Promise<void>;
  /** Whether an answer about everything is on its way, which may have been made before the change. */
  isBusy: () => boolean;
}

export class Commits {
  private due = new Set<string>();
  private isAll = false;
  private isAsking = false;
  private isStopped = false;
  /** Questions in a row that came to nothing. */
  private failures = 0;
  private restsUntil = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly ways: Ways) {
    document.addEventListener("visibilitychange", this.wait);
  }

  hear(commits: readonly string[], isAll: boolean): void {
    for (const commit of commits) this.due.add(commit);
    this.isAll ||= isAll;
    this.wait();
  }

  /** Returns whether something was still to come. */
  stop(): boolean {
    document.removeEventListener("visibilitychange", this.wait);
    clearTimeout(this.timer);
    this.isStopped = true;
    return this.isAsking || this.isAll || this.due.size > 0;
  }

  private readonly wait = (): void => {
    const isNothing = this.due.size === 0 && !this.isAll;
    if (isNothing || this.isStopped || this.isAsking || this.timer !== undefined || document.hidden) return;
    this.timer = setTimeout(() => void this.round(), Math.max(FIRST_MS, this.restsUntil - performance.now()));
  };

  private async round(): Promise<void> {
    this.timer = undefined;
    // Not before it has come: it would overwrite what is answered now.
    if (this.ways.isBusy()) return this.wait();
    this.isAsking = true;
    const began = performance.now();
    const { due } = this;
    const isAll = this.isAll || due.size > MOST_COMMITS;
    this.due = new Set();
    this.isAll = false;
    await (isAll ? this.ways.all() : this.ask(due));
    const ended = performance.now();
    const patience = Math.min(LONGEST_MS, AGAIN_MS * 2 ** this.failures);
    this.restsUntil = ended + Math.max(pauseAfter(ended - began), patience);
    this.isAsking = false;
    this.wait();
  }

  private async ask(commits: ReadonlySet<string>): Promise<void> {
    try {
      await this.ways.some([...commits]);
      this.failures = 0;
      // An answer about everything that set out meanwhile brings back what was there when it did.
      if (this.ways.isBusy()) this.hear([...commits], false);
    } catch (error) {
      // A server in trouble is not asked for more than before; else the whole question says in its place what is wrong.
      if (!isPassing(error)) return this.ways.all();
      this.failures += 1;
      this.hear([...commits], false);
    }
  }
}
