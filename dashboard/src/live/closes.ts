/** What the end of a socket means, by its code (docs/stream.md): come back after a pause, or not by itself. Pure. */

const SECOND = 1000;
const FIRST_PAUSE_MS = 500;
export const LONGEST_PAUSE_MS = 30 * SECOND;

export type Sequel = { pause: number; why: string } | { pause: null; why: string };

/** Left by this page: nothing came, not even an end. */
export const NO_ANSWER = 0;
const RESTARTS = 1001;
const POLICY = 1008;
const UNREACHED_DATABASE = 1013;
const FELL_BEHIND = 4008;
const MISUNDERSTOOD: ReadonlySet<number> = new Set([1002, 1003, 1007, 1009, 4400]);

/** `chance`: 0 to 1, so that not all pages come back at once. */
export function afterClose(code: number, failures: number, chance: number): Sequel {
  if (MISUNDERSTOOD.has(code)) return { pause: null, why: `This page and the server do not understand each other (code ${code}): one of them may be older. Load the page anew.` };
  if (code === RESTARTS) return { pause: SECOND + chance * (LONGEST_PAUSE_MS - SECOND), why: "The server restarts." };
  if (code === POLICY) return { pause: LONGEST_PAUSE_MS * (1 + chance), why: "The server ended the stream: the key was revoked or has expired, or this page asked too much." };
  return { pause: backoff(failures, chance), why: WORDS[code] ?? "The connection was cut." };
}

const WORDS: Readonly<Record<number, string>> = {
  [NO_ANSWER]: "The server does not answer.",
  [UNREACHED_DATABASE]: "The server cannot reach its database.",
  [FELL_BEHIND]: "This page took too long over what it was told.",
};

/** Whether only somebody who asks by HTTP learns why: a refusal before the socket opened, or a key that is no good any more. */
export function isUnexplained(code: number, wasGreeted: boolean): boolean {
  return code === POLICY || !wasGreeted;
}

function backoff(failures: number, chance: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures) * (0.5 + chance / 2);
}
