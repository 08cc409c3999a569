/* oxlint-disable no-await-in-loop -- between stretches the page has its turn */
/** Searching a log: lines that show the words, found block by block so that the page stays awake. */
import { plainOf } from "~/lib/ansi";
import { readLine } from "./lines";
import type { Block, LogText } from "./text";

/** How long to search at a stretch. */
const STRETCH_MS = 8;
/** How often to say what was found so far. */
const TELL_MS = 150;

export interface Found {
  /** Ascending. */
  lines: readonly number[];
  isOver: boolean;
}

export const NOTHING: Found = { lines: [], isOver: true };

/** Capitals count where the words have any. */
export function matcher(words: string): (text: string) => number {
  const isExact = words !== words.toLowerCase();
  return isExact ? (text) => text.indexOf(words) : (text) => text.toLowerCase().indexOf(words);
}

/** Where the words are in a text: starts, none overlapping. */
export function placesOf(text: string, words: string): number[] {
  if (words === "") return [];
  const whole = words === words.toLowerCase() ? text.toLowerCase() : text;
  const places: number[] = [];
  for (let at = whole.indexOf(words); at >= 0; at = whole.indexOf(words, at + words.length)) places.push(at);
  return places;
}

// eslint-disable-next-line no-control-regex -- what does not count as text
const ESCAPES = /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]/g;
// eslint-disable-next-line no-control-regex -- what a line may do to itself
const REWRITES = /[\r\b]/;

/** Whether a closer look at a block can find anything. */
function mayHold(block: Block, find: (text: string) => number): boolean {
  if (REWRITES.test(block.text) || find(block.text) >= 0) return true;
  return block.text.includes("\u001b") && find(block.text.replaceAll(ESCAPES, "")) >= 0;
}

function shows(raw: string, find: (text: string) => number): boolean {
  return find(plainOf(readLine(raw).text)) >= 0;
}

/** Searches on from a line; tells what was found as it goes, and stops when `signal` does. */
export async function search(log: LogText, words: string, from: number, tell: (found: Found) => void, signal: AbortSignal): Promise<void> {
  const lines: number[] = [];
  let told = performance.now();
  let until = told + STRETCH_MS;
  for (const line of linesShowing(log, matcher(words), from)) {
    if (line !== null) lines.push(line);
    if (performance.now() < until) continue;
    if (performance.now() > told + TELL_MS) {
      told = performance.now();
      tell({ lines: [...lines], isOver: false });
    }
    await pause();
    if (signal.aborted) return;
    until = performance.now() + STRETCH_MS;
  }
  tell({ lines, isOver: true });
}

/** Lines that show it; null after each step that found none, to stop at. */
function* linesShowing(log: LogText, find: (text: string) => number, from: number): Generator<number | null> {
  for (const block of log.blocks) {
    const end = block.first + block.starts.length;
    if (end <= from) continue;
    yield null;
    if (!mayHold(block, find)) continue;
    for (let line = Math.max(block.first, from); line < end; line += 1) yield shows(log.line(line), find) ? line : null;
  }
}

/** Lets everything else have its turn; a timer would wait for four milliseconds. */
export function pause(): Promise<void> {
  return new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => done(), { once: true });
    port1.start();
    port2.postMessage(null);
  });
}

/** The place in ascending lines of the first after this one, going round; -1 where there is none. */
export function nextAfter(lines: readonly number[], line: number): number {
  if (lines.length === 0) return -1;
  const place = lines.findIndex((one) => one > line);
  return place < 0 ? 0 : place;
}

export function lastBefore(lines: readonly number[], line: number): number {
  const place = lines.findLastIndex((one) => one < line);
  return place < 0 ? lines.length - 1 : place;
}
