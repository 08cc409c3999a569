/** What providers put around a line of output: instants, folds, words for what kind of line it is. */

export type Kind = "plain" | "job" | "heading" | "error" | "warning" | "notice" | "command" | "debug" | "end";

export interface RawLine {
  /** The provider's own stamp, as it wrote it. */
  at: string | null;
  kind: Kind;
  text: string;
}

/** Longer lines are cut: no eye reads them, and a page that lays them out stands still. */
export const LONGEST = 20_000;

const STAMP = /^\uFEFF?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) (?:\d\d[OE][ +])?/;
// eslint-disable-next-line no-control-regex -- GitLab ends these words with a return and an erasing sequence
const SECTION = /section_(start|end):\d+:[\w.-]+(?:\[[^\]\n]*\])?(?:\r\u001b\[0K|\r)?/g;
const COMMAND = /^##\[(\w+)\]/;
const JOB = /^==> ([^\n]*) <==$/;

const KINDS: Readonly<Record<string, Kind>> = {
  group: "heading", endgroup: "end", section: "heading", error: "error", warning: "warning", notice: "notice", command: "command", debug: "debug",
};

/** One line as its provider meant it to be read. */
export function readLine(raw: string): RawLine {
  const stamp = STAMP.exec(raw);
  const text = visible(stamp === null ? raw : raw.slice(stamp[0].length));
  const at = stamp?.[1] ?? null;
  const command = COMMAND.exec(text);
  const kind = KINDS[command?.[1] ?? ""];
  if (command !== null && kind !== undefined) return { at, kind, text: text.slice(command[0].length) };
  const job = JOB.exec(text);
  if (job !== null) return { at, kind: "job", text: job[1] ?? "" };
  return text.includes("section_") ? withoutSections(at, text) : { at, kind: "plain", text };
}

/** What is seen of a line in the end: of one that is written over again and again only the last piece is looked at. */
function visible(text: string): string {
  if (text.length <= LONGEST) return text;
  const last = text.lastIndexOf("\r", text.length - 2);
  return text.slice(Math.max(last, 0), Math.max(last, 0) + LONGEST);
}

function withoutSections(at: string | null, text: string): RawLine {
  const marks = [...text.matchAll(SECTION)].map((match) => match[1]);
  if (marks.length === 0) return { at, kind: "plain", text };
  const rest = text.replaceAll(SECTION, "");
  if (marks.includes("start")) return { at, kind: "heading", text: rest };
  return { at, kind: isEmpty(rest) ? "end" : "plain", text: rest };
}

function isEmpty(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- erasing and colouring leave nothing to see
  return text.replaceAll(/\u001b\[[\d;]*[mK]/g, "").trim() === "";
}
