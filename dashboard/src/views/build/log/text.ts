/** The text of a log: whole lines in blocks as they came, found again by number; a million of them, and growing. */
import { PLAIN, styleAfter, type Style } from "~/lib/ansi";
import { HINT, tellsError } from "./errors";
import { Folding, type Fold } from "./folds";

export interface Block {
  text: string;
  /** The number of its first line, counted from 0. */
  first: number;
  /** Where each of its lines begins in the text. */
  starts: Uint32Array;
}

/** How lines begin that do not begin plain: from this line on, until the next entry. */
interface Carried {
  line: number;
  style: Style;
}

const ESC = "\u001b";

export class LogText {
  readonly blocks: Block[] = [];
  /** Lines that tell of an error, ascending. */
  readonly errors: number[] = [];
  private readonly folding: Folding;
  private readonly carried: Carried[] = [];
  private style: Style = PLAIN;
  private tail = "";
  private lines = 0;

  /** `hasJobs`: several jobs' logs one after another, a line with the name before each. */
  constructor(hasJobs: boolean) {
    this.folding = new Folding(hasJobs);
  }

  /** How many there are; one that has not ended counts. */
  get count(): number {
    return this.lines + (this.tail === "" ? 0 : 1);
  }

  get folds(): readonly Fold[] {
    return this.folding.folds(this.count);
  }

  append(text: string): void {
    const end = text.lastIndexOf("\n");
    if (end < 0) {
      this.tail += text;
      return;
    }
    this.add(this.tail + text.slice(0, end + 1));
    this.tail = text.slice(end + 1);
  }

  /** No more will come: the last line is one, newline or not. */
  end(): void {
    if (this.tail !== "") this.append("\n");
  }

  /** A line without its newline; empty where there is none of that number. */
  line(number: number): string {
    if (number >= this.lines) return number === this.lines ? this.tail : "";
    const block = this.blockOf(number);
    if (block === undefined) return "";
    const place = number - block.first;
    return block.text.slice(block.starts[place], (block.starts[place + 1] ?? block.text.length) - 1);
  }

  isError(line: number): boolean {
    return this.errors[placeOf(this.errors, (one) => one <= line)] === line;
  }

  styleAt(line: number): Style {
    const place = placeOf(this.carried, (entry) => entry.line <= line);
    return this.carried[place]?.style ?? PLAIN;
  }

  private blockOf(line: number): Block | undefined {
    return this.blocks[placeOf(this.blocks, (block) => block.first <= line)];
  }

  private add(text: string): void {
    const block = { text, first: this.lines, starts: startsOf(text) };
    this.blocks.push(block);
    this.lines += block.starts.length;
    this.folding.read(block);
    this.findErrors(block);
    if (this.style !== PLAIN || text.includes(ESC)) this.carry(block);
  }

  private findErrors({ text, first, starts }: Block): void {
    const hint = new RegExp(HINT);
    for (let match = hint.exec(text); match !== null; match = hint.exec(text)) {
      const place = lineAt(starts, match.index);
      const end = starts[place + 1] ?? text.length;
      if (tellsError(text.slice(starts[place], end - 1))) this.errors.push(first + place);
      hint.lastIndex = end;
    }
  }

  private carry({ text, first, starts }: Block): void {
    let escape = nextEscape(text, 0);
    for (let place = 0; place < starts.length; place += 1) {
      const line = first + place;
      const end = starts[place + 1] ?? text.length;
      if (this.folding.isJob(line)) this.style = PLAIN;
      if (this.style !== (this.carried.at(-1)?.style ?? PLAIN)) this.carried.push({ line, style: this.style });
      if (escape >= end) continue;
      this.style = endsPlain(text, end) ? PLAIN : styleAfter(text.slice(escape, end), this.style);
      escape = nextEscape(text, end);
    }
  }
}

function nextEscape(text: string, from: number): number {
  const place = text.indexOf(ESC, from);
  return place < 0 ? Number.POSITIVE_INFINITY : place;
}

/** Whether the last sequence of a line, which has one, takes all colours away: most do. */
function endsPlain(text: string, end: number): boolean {
  const last = text.lastIndexOf(ESC, end);
  return text.startsWith("[0m", last + 1) || text.startsWith("[m", last + 1);
}

function startsOf(text: string): Uint32Array {
  const starts: number[] = [];
  for (let start = 0; start < text.length; start = text.indexOf("\n", start) + 1) starts.push(start);
  return Uint32Array.from(starts);
}

/** The line a place in a block's text belongs to. */
export function lineAt(starts: Uint32Array, at: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The last of which it holds, where it holds of all before it; -1 where of none. */
export function placeOf<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  let low = -1;
  let high = items.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const item = items[middle];
    if (item !== undefined && holds(item)) low = middle;
    else high = middle - 1;
  }
  return low;
}
