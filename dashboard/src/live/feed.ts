/** Where this page stands in the stream of `/ws`: what a message means, and what to say back. Pure. */
import type { Build, Incident } from "~/api/types";

export interface StreamEvent {
  type: "status" | "complete" | "incident";
  pos: number;
  prev_pos: number;
  subject_kind: string;
  subject_id?: number;
  build_id?: number;
  is_superseded?: boolean;
  data: { build?: Build | null; incident?: Incident | null; at?: string; reason?: string; to_status?: string | null };
}

export type Message =
  | { type: "hello"; epoch: string; head: number }
  | { type: "subscribed"; since: number }
  | { type: "resync"; epoch: string; head: number }
  | { type: "error"; message: string }
  | StreamEvent;

/** What came of a message. */
export interface Taken {
  say?: object;
  event?: StreamEvent;
  /** What happened meanwhile cannot be had one by one: ask for the present. */
  isResync?: boolean;
}

export class Feed {
  /** Whether what comes next belongs to where this page stands. */
  isCaughtUp = false;
  private epoch: string | undefined;
  private pos = 0;

  take(message: Message): Taken {
    switch (message.type) {
      case "hello":
        return this.greeted(message.epoch, message.head);
      case "subscribed":
        this.isCaughtUp = true;
        return {};
      case "resync":
        this.stand(message.epoch, message.head);
        return { isResync: true };
      case "error":
        return {};
      default:
        return this.passed(message);
    }
  }

  /** To be sent on a new line, or to see whether an old one still answers: what comes after where this page stands. */
  wish(): object {
    this.isCaughtUp = false;
    return { type: "subscribe", epoch: this.epoch, since: this.pos };
  }

  private greeted(epoch: string, head: number): Taken {
    if (this.epoch !== undefined) return { say: this.wish() };
    // What the page asked for before it listened may be older than the head.
    this.stand(epoch, head);
    return { isResync: true };
  }

  private stand(epoch: string, head: number): void {
    this.epoch = epoch;
    this.pos = head;
    this.isCaughtUp = true;
  }

  private passed(event: StreamEvent): Taken {
    // Of the present, while the past is still asked for: it comes again in its turn.
    if (!this.isCaughtUp) return {};
    if (event.prev_pos !== this.pos) return { say: this.wish() };
    this.pos = event.pos;
    return { event };
  }
}
