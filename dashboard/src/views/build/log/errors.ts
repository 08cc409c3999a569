/** Which lines tell of an error: by how tools begin or end such a line, not by the word alone. */

/** Cheap, and true of every line that `tellsError` is true of. */
export const HINT = /error|fail|fatal|panic|traceback|exception|err!|\*\*\*/gi;

const PATTERNS: readonly RegExp[] = [
  /^##\[error\]/,
  /^(?:error|fatal|fatal error|panic|npm err!|npm error)\b[^\w\s]/i,
  /^npm (?:err!|error) /i,
  /^(?:\[(?:error|fatal)\]|error[ :[]|fatal:)/i,
  /^\S+:\d+(?::\d+)?: (?:fatal )?error\b/i,
  /\berror (?:TS|CS|C|LNK|MSB)\d+:/,
  /^Traceback \(most recent call last\)/,
  /^(?:[\w.]+\.)?\w*(?:Error|Exception)(?::|$)/,
  /^Exception in thread\b/,
  /^E {2,}\S.*(?:Error|Exception|assert)/,
  /^(?:FAILED|FAIL|--- FAIL)(?:[: ]|$)/,
  /\bFAILED$/,
  /^(?:BUILD FAILED|FAILURE: Build failed|Build step .* marked build as failure|Finished: (?:FAILURE|ABORTED))/,
  /^g?make(?:\[\d+\])?: \*\*\* /,
  /\bexit(?:ed)? (?:with )?(?:status|code):? [1-9]\d*\b.*$|\breturned non-zero exit/i,
  /^thread '.*' panicked at/,
  /^Segmentation fault\b.*(?:error|core)/i,
];

// eslint-disable-next-line no-control-regex -- colours stand before the words
const LEAD = /^(?:\uFEFF?\d{4}-\d\d-\d\dT[\d:.]+Z (?:\d\d[OE][ +])?)?(?:\u001b\[[\d;]*[mK]|\s)*/;
// eslint-disable-next-line no-control-regex -- and between them
const COLOURS = /\u001b\[[\d;]*[mK]|\r/g;
const LONGEST = 2000;

export function tellsError(raw: string): boolean {
  const text = raw.slice(0, LONGEST).replace(LEAD, "").replaceAll(COLOURS, "").trimEnd();
  return PATTERNS.some((pattern) => pattern.test(text));
}
