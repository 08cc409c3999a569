/** The socket to `/ws`: opened again with a growing, jittered pause, left when it no longer answers. */
import { NO_ANSWER, afterClose, isUnexplained } from "./closes";
import { Feed, type Message, type StreamEvent } from "./feed";
import { Gathered } from "./gathered";
import { Lag } from "./lag";
import { onReturn, serverClock } from "./reach";
import { askTrouble, troubleIn } from "./trouble";
import { changeLink, currentLink, publish } from "./store";

export type Socket = Pick<WebSocket, "send" | "close" | "addEventListener" | "readyState">;

const LOOK_MS = 5_000;
/** Pings of the server are not seen by scripts, so a quiet line is asked; hearing nothing then, it is dead. */
const QUIET_MS = 45_000;
const ANSWER_MS = 10_000;
const GREETING_MS = 15_000;
/** A line that held so long begins anew with short pauses. */
const STEADY_MS = 10_000;
const OPEN = 1;

export class Connection {
  private readonly feed = new Feed();
  private readonly gathered = new Gathered(publish);
  private readonly lag = new Lag(serverClock);
  private socket: Socket | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly looks: ReturnType<typeof setInterval>;
  private failures = 0;
  private heardAt = 0;
  private askedAt: number | null = null;
  private liveAt: number | null = null;
  private wasGreeted = false;

  constructor(private readonly dial: () => Socket, private readonly isRefused: () => Promise<boolean>) {
    this.looks = setInterval(() => this.look(), LOOK_MS);
    this.open();
  }

  /** Try now, where a pause is on; see whether the line still answers, where it was quiet. */
  hurry(): void {
    if (this.socket === undefined) this.open();
    else if (this.liveAt !== null && Date.now() - this.heardAt > LOOK_MS) this.ask();
  }

  stop(): void {
    clearInterval(this.looks);
    clearTimeout(this.retry);
    this.gathered.stop();
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
  }

  private open(): void {
    clearTimeout(this.retry);
    this.wasGreeted = false;
    this.askedAt = null;
    this.heardAt = Date.now();
    changeLink({ state: "connecting", retryAt: null });
    const socket = this.dial();
    this.socket = socket;
    // Words of a socket that was left count no more.
    socket.addEventListener("message", ({ data }) => this.socket === socket && this.hear(JSON.parse(String(data)) as Message));
    socket.addEventListener("close", ({ code }) => this.socket === socket && this.lose(code));
  }

  private hear(message: Message): void {
    this.heardAt = Date.now();
    this.askedAt = null;
    const { say, event, isResync } = this.feed.take(message);
    if (message.type === "hello") this.greeted();
    if (say !== undefined) this.say(say);
    if (isResync) this.gathered.resync();
    if (event !== undefined) this.pass(event);
    if (this.liveAt === null && this.feed.isCaughtUp) this.live();
  }

  private greeted(): void {
    this.wasGreeted = true;
    void askTrouble().then((trouble) => trouble !== undefined && changeLink({ trouble }));
  }

  private live(): void {
    this.liveAt = Date.now();
    changeLink({ state: "live", heardAt: this.heardAt, retryAt: null, why: null });
  }

  private pass(event: StreamEvent): void {
    const trouble = troubleIn(event);
    if (trouble !== undefined) changeLink({ trouble });
    const recordedAt = event.data.build?.recorded_at;
    if (recordedAt !== undefined && this.liveAt !== null) this.lag.note(Date.parse(recordedAt), this.heardAt, this.liveAt);
    this.gathered.add(event);
  }

  private look(): void {
    const now = Date.now();
    if (this.liveAt !== null && now - this.liveAt > STEADY_MS) this.failures = 0;
    if (this.liveAt !== null && currentLink().heardAt !== this.heardAt) changeLink({ heardAt: this.heardAt, lagSeconds: this.lag.seconds });
    if (this.askedAt !== null && now - this.askedAt > ANSWER_MS) this.leave();
    else if (this.socket !== undefined && this.liveAt === null && now - this.heardAt > GREETING_MS) this.leave();
    else if (this.liveAt !== null && now - this.heardAt > QUIET_MS && !document.hidden) this.ask();
  }

  private ask(): void {
    if (this.askedAt !== null) return;
    this.askedAt = Date.now();
    this.say(this.feed.wish());
  }

  private say(wish: object): void {
    if (this.socket?.readyState === OPEN) this.socket.send(JSON.stringify(wish));
  }

  /** A line that does not answer is not waited for: closing it would need the other end, too. */
  private leave(): void {
    this.socket?.close();
    this.lose(NO_ANSWER);
  }

  private lose(code: number): void {
    this.socket = undefined;
    this.liveAt = null;
    const { pause, why } = afterClose(code, this.failures, Math.random());
    this.failures += 1;
    if (pause === null) return changeLink({ state: "refused", why, retryAt: null });
    this.retry = setTimeout(() => this.open(), pause);
    changeLink({ state: navigator.onLine ? "lost" : "offline", why, retryAt: Date.now() + pause });
    if (isUnexplained(code, this.wasGreeted)) void this.askWhy();
  }

  private async askWhy(): Promise<void> {
    if (!(await this.isRefused()) || this.socket !== undefined) return;
    clearTimeout(this.retry);
    changeLink({ state: "refused", why: "The server wants a key: there is none, or it was revoked or has expired.", retryAt: null });
  }
}

let connection: Connection | undefined;

/** Not to wait for the pause to end. */
export function tryNow(): void {
  connection?.hurry();
}

export function connect(): () => void {
  const made = new Connection(dialed, isKeyRefused);
  connection = made;
  const shown = (): void => {
    if (!document.hidden) made.hurry();
  };
  const hurry = (): void => made.hurry();
  window.addEventListener("online", hurry);
  window.addEventListener("offline", hurry);
  window.addEventListener("pageshow", hurry);
  document.addEventListener("visibilitychange", shown);
  const stopHearing = onReturn(hurry);
  return () => {
    connection = undefined;
    made.stop();
    window.removeEventListener("online", hurry);
    window.removeEventListener("offline", hurry);
    window.removeEventListener("pageshow", hurry);
    document.removeEventListener("visibilitychange", shown);
    stopHearing();
  };
}

function dialed(): Socket {
  return new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws`);
}

/** A refused handshake tells a script nothing, so the same key is tried on a small question. */
async function isKeyRefused(): Promise<boolean> {
  try {
    const { status } = await fetch("/api/projects?limit=1", { credentials: "same-origin" });
    return status === 401 || status === 403;
  } catch {
    return false;
  }
}
