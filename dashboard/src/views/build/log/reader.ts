/* oxlint-disable no-await-in-loop -- one question follows the answer to the one before */
/** Reading a log from the API: asks until it is there, reads it as it comes, goes on while it grows. */
import { Refused, address } from "~/api/request";
import type { Problem } from "~/api/types";
import { pause } from "./search";
import { LogText } from "./text";

export interface LogState {
  /** `asked`: nothing came yet; `fetched`: the provider is being asked; `read`: all that there is now is here; `stopped`: it was, and no more may be had. */
  phase: "asked" | "fetched" | "reading" | "read" | "stopped" | "missing" | "refused";
  text: LogText;
  /** Changes with everything that is to be shown. */
  version: number;
  bytes: number;
  isComplete: boolean;
  isTruncated: boolean;
  masked: number;
  /** Why there is none, or why it could not be had. */
  problem: Problem | null;
  /** When it is asked for again. */
  retryAt: number | null;
}

export interface LogAddress {
  build: number;
  attempt: number;
  /** Null: all jobs of the attempt. */
  job: number | null;
  hasJobs: boolean;
}

/** A log that grows is fetched anew at the provider after ten seconds, not sooner. */
const AGAIN_MS = 10_000;
const STRETCH_MS = 12;
/** How often to show what came so far. */
const TELL_MS = 250;
/** What is asked for once more, to see that it still is what it was. */
const OVERLAP = 1024;

interface Answer {
  response: Response;
  tag: string | null;
}

export class LogReader {
  private readonly at: LogAddress;
  private controller = new AbortController();
  private readonly listeners = new Set<() => void>();
  private wake: (() => void) | undefined;
  private isBuildOpen = false;
  private isHurried = false;
  private tag: string | null = null;
  private end = new Uint8Array();
  private decoder = new TextDecoder();
  private state: LogState;

  constructor(at: LogAddress) {
    this.at = at;
    this.state = {
      phase: "asked", text: new LogText(at.hasJobs), version: 0, bytes: 0, isComplete: false, isTruncated: false, masked: 0, problem: null, retryAt: null,
    };
  }

  /** Reads while anybody listens. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    if (this.listeners.size === 1) this.start();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.stop();
    };
  };

  readonly snapshot = (): LogState => this.state;

  private start(): void {
    this.controller = new AbortController();
    void this.run(this.controller.signal);
  }

  private stop(): void {
    this.controller.abort();
    this.wake?.();
    this.forget();
  }

  /** The build went on: what there is may have changed. */
  hurry(isBuildOpen: boolean): void {
    const isNews = isBuildOpen !== this.isBuildOpen;
    this.isBuildOpen = isBuildOpen;
    if (isNews) this.again();
  }

  /** Ask again now. */
  readonly again = (): void => {
    this.isHurried = true;
    this.wake?.();
  };

  private change(changes: Partial<LogState>): void {
    this.state = { ...this.state, ...changes, version: this.state.version + 1 };
    for (const listener of this.listeners) listener();
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.isHurried = false;
      const wait = await this.turn(signal);
      if (signal.aborted) return;
      this.change({ retryAt: wait === null || this.state.phase === "read" ? null : Date.now() + wait });
      do await this.sleep(wait);
      while (!signal.aborted && !this.isHurried && document.hidden);
    }
  }

  /** One question and its answer. Returns how long to wait before the next; null: until somebody wakes it. */
  private async turn(signal: AbortSignal): Promise<number | null> {
    try {
      const { response, tag } = await this.ask(signal);
      if (response.status === 202) {
        await response.body?.cancel();
        this.change({ phase: this.hasText ? "read" : "fetched", problem: null });
        return secondsOf(response) ?? 2000;
      }
      if (response.status === 416) {
        this.forget();
        return 0;
      }
      if (!response.ok) return await this.refused(response);
      if (tag !== null && tag === this.tag) await response.body?.cancel();
      else if (!(await this.take(response, tag))) return 0;
      const isComplete = response.headers.get("X-Log-Complete") !== "false";
      if (isComplete) this.state.text.end();
      this.change({ phase: "read", isComplete, problem: null });
      if (tag !== null && this.tag === null) return 0;
      return isComplete && !(this.isBuildOpen && this.at.job === null) ? null : AGAIN_MS;
    } catch (error) {
      if (signal.aborted) return null;
      this.change({ phase: this.hasText ? "read" : "refused", problem: problemOf(error) });
      return AGAIN_MS;
    }
  }

  private async ask(signal: AbortSignal): Promise<Answer> {
    const { build, attempt, job } = this.at;
    // What was read before would be answered at once; of what is over the end is worth waiting for.
    const wait = this.state.bytes > 0 && this.isBuildOpen ? 0 : 8;
    const headers: Record<string, string> = this.isGrowing() ? { Range: `bytes=${this.state.bytes - this.end.length}-` } : {};
    const path = address(`/api/builds/${build}/log`, { attempt, job, wait });
    const response = await fetch(path, { headers, signal, credentials: "same-origin", cache: "no-store" });
    return { response, tag: response.headers.get("ETag") };
  }

  /** Only one job's log grows at its end; of several any may. */
  private isGrowing(): boolean {
    return !this.at.hasJobs && this.state.bytes > 0;
  }

  private async refused(response: Response): Promise<number | null> {
    const problem = (await response.json().catch(() => ({ detail: `The server answered ${response.status}.` }))) as Problem;
    const isMissing = response.status === 404;
    const isOver = response.status === 401 || response.status === 403 || (isMissing && !this.isBuildOpen);
    const wait = isOver ? null : isMissing ? AGAIN_MS : (secondsOf(response) ?? AGAIN_MS);
    if (this.hasText) this.change({ phase: isOver ? "stopped" : "read", problem });
    else this.change({ phase: isMissing ? "missing" : "refused", problem });
    return wait;
  }

  /** What was read stays in sight, whatever comes next. */
  private get hasText(): boolean {
    return this.state.text.count > 0;
  }

  /** What came, at the end of what is there, or in its place. Returns whether it fitted: else all is to be read anew. */
  private async take(response: Response, tag: string | null): Promise<boolean> {
    const isPart = response.status === 206;
    const known = isPart ? this.end.length : 0;
    const isAnew = !isPart && this.state.bytes > 0;
    const text = isPart ? this.state.text : new LogText(this.at.hasJobs);
    if (!isPart) {
      this.decoder = new TextDecoder();
      this.end = new Uint8Array();
    }
    if (!isAnew) this.change({ text, phase: this.state.bytes > 0 ? "read" : "reading" });
    const bytes = await this.pour(response, text, known, isAnew, isPart ? this.state.bytes : 0);
    if (bytes === null) {
      this.forget();
      return false;
    }
    // Of a long piece there is more at once; its tag would say that nothing is new.
    this.tag = isPart && isCut(response) ? null : tag;
    this.change({
      text,
      bytes,
      isTruncated: response.headers.get("X-Log-Truncated") === "true",
      masked: Number(response.headers.get("X-Log-Masked") ?? 0),
    });
    return true;
  }

  /** Returns how many bytes there are now; null where the beginning is not what it was. */
  private async pour(response: Response, text: LogText, known: number, isAnew: boolean, from: number): Promise<number | null> {
    const source = response.body?.getReader();
    let bytes = from;
    let overlap = this.end.slice(0, known);
    let until = performance.now() + STRETCH_MS;
    let told = 0;
    for (;;) {
      const { done, value } = (await source?.read()) ?? { done: true, value: undefined };
      if (done || value === undefined) return overlap.length === 0 ? bytes : null;
      const same = Math.min(overlap.length, value.length);
      if (!value.subarray(0, same).every((byte, place) => byte === overlap[place])) return null;
      overlap = overlap.slice(same);
      const fresh = value.subarray(same);
      text.append(this.decoder.decode(fresh, { stream: true }));
      bytes += fresh.length;
      this.end = lastOf(this.end, fresh);
      if (performance.now() > until) {
        if (!isAnew && until > told + TELL_MS) {
          told = until;
          this.change({ bytes });
        }
        await pause();
        until = performance.now() + STRETCH_MS;
      }
    }
  }

  /** Read all of it the next time. */
  private forget(): void {
    this.tag = null;
    this.end = new Uint8Array();
    this.state = { ...this.state, bytes: 0 };
  }

  private sleep(wait: number | null): Promise<void> {
    if (this.isHurried) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = wait === null ? undefined : setTimeout(resolve, wait);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function secondsOf(response: Response): number | null {
  const seconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.max(1, seconds) * 1000 : null;
}

/** Whether a range ends before the log does. */
function isCut(response: Response): boolean {
  const [, end, size] = /(\d+)\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "") ?? [];
  return end !== undefined && Number(end) + 1 < Number(size);
}

function lastOf(before: Uint8Array, fresh: Uint8Array): Uint8Array<ArrayBuffer> {
  if (fresh.length >= OVERLAP) return fresh.slice(-OVERLAP);
  const kept = before.slice(Math.max(0, before.length + fresh.length - OVERLAP));
  const both = new Uint8Array(kept.length + fresh.length);
  both.set(kept);
  both.set(fresh, kept.length);
  return both;
}

function problemOf(error: unknown): Problem {
  if (error instanceof Refused) return error.problem;
  return { title: "No answer", detail: "The server cannot be reached." };
}
