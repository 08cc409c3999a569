/** How long changes are on their way, though the clocks of server and viewer differ. Pure. */

/** What is added to this machine's clock to have the server's, as closely as answers tell it; in milliseconds. */
export class ServerClock {
  private least = -Infinity;
  private most = Infinity;

  /** An answer says when it was made: after it was asked for, before it came. */
  answered(madeAt: number, askedAt: number, cameAt: number): void {
    this.narrow(madeAt - cameAt, madeAt - askedAt);
  }

  /** Nothing comes before it was recorded. */
  recorded(recordedAt: number, cameAt: number): void {
    if (this.isKnown) this.narrow(recordedAt - cameAt, this.most);
  }

  get isKnown(): boolean {
    return this.most !== Infinity;
  }

  /** The server's time at an instant of this machine's. */
  at(local: number): number {
    return local + (this.least + this.most) / 2;
  }

  private narrow(least: number, most: number): void {
    const isOther = least > this.most || most < this.least;
    // Somebody set one of the clocks: what was learnt before holds no more.
    this.least = isOther ? least : Math.max(this.least, least);
    this.most = isOther ? Math.max(least, most) : Math.min(this.most, most);
  }
}

const KEPT = 21;

/** The middle of the latest delays. */
export class Lag {
  private latest: number[] = [];

  constructor(private readonly clock: ServerClock) {}

  /** `since`: what was recorded before is caught up with, and says nothing of the line. */
  note(recordedAt: number, cameAt: number, since: number): void {
    this.clock.recorded(recordedAt, cameAt);
    if (!this.clock.isKnown || recordedAt < this.clock.at(since)) return;
    this.latest = [...this.latest.slice(1 - KEPT), Math.max(0, this.clock.at(cameAt) - recordedAt)];
  }

  get seconds(): number | null {
    if (this.latest.length === 0) return null;
    const sorted = this.latest.toSorted((one, other) => one - other);
    return (sorted[Math.floor(sorted.length / 2)] ?? 0) / 1000;
  }
}
