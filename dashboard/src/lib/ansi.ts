/**
 * What a terminal would show of a line of output: its text in pieces of one look each.
 *
 * Nothing is hidden and nothing is markup: broken sequences lose their escape character only, control characters and
 * those that turn the direction of writing are shown by name.
 */

/** 0–15: a colour of the palette, which the theme paints; else `rgb(r g b)`. */
export type Colour = number | `rgb(${number} ${number} ${number})`;

export interface Style {
  ink: Colour | null;
  ground: Colour | null;
  isBold: boolean;
  isFaint: boolean;
  isItalic: boolean;
  isUnderlined: boolean;
  isStruck: boolean;
  isInverse: boolean;
}

export interface Span {
  text: string;
  style: Style;
  /** Names a character that would not be seen, or would make others seen elsewhere. */
  isMark: boolean;
}

export interface Line {
  spans: readonly Span[];
  /** How the next line begins, unless it says otherwise. */
  after: Style;
}

export const PLAIN: Style = {
  ink: null, ground: null, isBold: false, isFaint: false, isItalic: false, isUnderlined: false, isStruck: false, isInverse: false,
};

/** A terminal is not wider, wherever a sequence wants to go. */
const MOST_COLUMNS = 4096;
const TAB = 8;

/* eslint-disable no-control-regex -- control characters are what is looked for */
// In turn: a control sequence, a string with its end, other escapes, single control characters, direction and line marks.
// Strings stop at whatever begins another one, so that looking for an end takes linear time.
const CONTROL =
  /(?:\x1b\[|\x9b)([0-?]*)[ -/]*([@-~])|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)|\x1b[ -/]+[0-~]|\x1b[0-OQ-WYZ\\`-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const MOVES = /[\r\b]|(?:\x1b\[|\x9b)(?:[0-?]*[CDGPX@]|[12]K)/;
const STYLES = /(?:\x1b\[|\x9b)([\d;:]*)m/g;
const ENDS = /[\r\n]+$/;
/* eslint-enable no-control-regex */

export function lineOf(text: string, from: Style = PLAIN): Line {
  const whole = text.replace(ENDS, "");
  return MOVES.test(whole) ? overwritten(whole, from) : appended(whole, from);
}

/** The text alone, exactly as the spans of `lineOf` put together. */
export function plainOf(text: string): string {
  return lineOf(text).spans.map((span) => span.text).join("");
}

/** How a line after this text begins. */
export function styleAfter(text: string, from: Style): Style {
  let style = from;
  for (const [, codes = ""] of text.matchAll(STYLES)) style = restyled(style, codes);
  return style;
}

/** Pieces of the text between controls, and the controls, in order. */
function* pieces(text: string): Generator<{ text: string } | { control: string; codes: string; final: string }> {
  let start = 0;
  for (const match of text.matchAll(CONTROL)) {
    if (match.index > start) yield { text: text.slice(start, match.index) };
    yield { control: match[0], codes: match[1] ?? "", final: match[2] ?? "" };
    start = match.index + match[0].length;
  }
  if (start < text.length) yield { text: text.slice(start) };
}

function appended(text: string, from: Style): Line {
  const spans: Span[] = [];
  let style = from;
  for (const piece of pieces(text)) {
    if ("text" in piece) push(spans, { text: piece.text, style, isMark: false });
    else if (piece.final === "m") style = restyled(style, piece.codes);
    else push(spans, { text: nameOf(piece.control), style, isMark: true });
  }
  return { spans, after: style };
}

function push(spans: Span[], span: Span): void {
  const last = spans.at(-1);
  if (span.text === "") return;
  if (last !== undefined && last.style === span.style && last.isMark === span.isMark && !span.isMark) last.text += span.text;
  else spans.push(span);
}

/** What a control looks like: nothing where it asks a terminal for something, its name where it stands for itself. */
function nameOf(control: string): string {
  if (control.length > 1) return "";
  const code = control.charCodeAt(0);
  if (code === 0x07 || code === 0x0d || code === 0x1b || code === 0xfeff) return "";
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? "\u2421" : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

function blank(): Span {
  return { text: " ", style: PLAIN, isMark: false };
}

/** One row of a screen, for lines that go back and write over themselves. */
class Row {
  readonly cells: Span[] = [];
  private column = 0;

  write(text: string, style: Style): void {
    for (const character of text) {
      if (character === "\t") this.move(TAB - (this.column % TAB));
      else if (JOINS.test(character) && this.column > 0) this.join(character);
      else this.put(character, style, false);
    }
  }

  put(text: string, style: Style, isMark: boolean): void {
    while (this.cells.length < this.column) this.cells.push(blank());
    this.cells[this.column] = { text, style, isMark };
    this.column += 1;
  }

  move(by: number): void {
    this.column = Math.min(Math.max(0, this.column + by), Math.max(MOST_COLUMNS, this.cells.length));
  }

  /** From the cursor on (0), up to it (1), or all (2): the cursor stays. */
  erase(part: number): void {
    if (part === 0) this.cells.length = Math.min(this.cells.length, this.column);
    else this.clear(0, part === 1 ? this.column + 1 : this.cells.length);
  }

  private clear(from: number, to: number): void {
    for (let column = from; column < Math.min(to, this.cells.length); column += 1) this.cells[column] = blank();
  }

  control(final: string, codes: string): void {
    const number = Number.parseInt(codes, 10);
    const by = Number.isNaN(number) ? 1 : Math.min(Math.max(number, 1), MOST_COLUMNS);
    if (final === "C") this.move(by);
    else if (final === "D") this.move(-by);
    else if (final === "G") this.move(by - 1 - this.column);
    else if (final === "K") this.erase(Number.isNaN(number) ? 0 : number);
    else if (final === "P") this.cells.splice(this.column, by);
    else if (final === "X") this.clear(this.column, this.column + by);
    else if (final === "@") this.cells.splice(this.column, 0, ...Array.from({ length: by }, blank));
  }

  home(): void {
    this.column = 0;
  }

  private join(character: string): void {
    const before = this.cells[this.column - 1];
    if (before === undefined) this.put(character, PLAIN, false);
    else before.text += character;
  }
}

const JOINS = /^(?:\p{M}|\u200d)$/u;

function overwritten(text: string, from: Style): Line {
  const row = new Row();
  let style = from;
  for (const piece of pieces(text)) {
    if ("text" in piece) row.write(piece.text, style);
    else if (piece.final === "m") style = restyled(style, piece.codes);
    else if (piece.control === "\r") row.home();
    else if (piece.control === "\b") row.move(-1);
    else if (piece.final !== "") row.control(piece.final, piece.codes);
    else if (nameOf(piece.control) !== "") row.put(nameOf(piece.control), style, true);
  }
  const spans: Span[] = [];
  for (const cell of row.cells) push(spans, { ...cell });
  return { spans: trimmed(spans), after: style };
}

/** Without what was erased at the end. */
function trimmed(spans: Span[]): Span[] {
  const last = spans.at(-1);
  if (last?.style === PLAIN && !last.isMark) last.text = last.text.trimEnd();
  return last?.text === "" ? spans.slice(0, -1) : spans;
}

/** Another question to the terminal that ends in the same letter. */
const PRIVATE = /[<-?]/;

const FLAGS: Readonly<Record<number, Partial<Style>>> = {
  1: { isBold: true }, 2: { isFaint: true }, 3: { isItalic: true }, 4: { isUnderlined: true }, 7: { isInverse: true }, 9: { isStruck: true },
  21: { isUnderlined: true }, 22: { isBold: false, isFaint: false }, 23: { isItalic: false }, 24: { isUnderlined: false },
  27: { isInverse: false }, 29: { isStruck: false }, 39: { ink: null }, 49: { ground: null },
};

/** A style after the numbers of an SGR sequence, with semicolons or colons between. */
function restyled(from: Style, codes: string): Style {
  if (codes === "" || codes === "0") return PLAIN;
  if (PRIVATE.test(codes)) return from;
  let style = from;
  const parts = codes.split(";", 64);
  for (let place = 0; place < parts.length; place += 1) {
    const [code = 0, ...more] = (parts[place] ?? "").split(":").map(Number);
    if (code === 0) style = PLAIN;
    else if (code === 38 || code === 48 || code === 58) {
      const given = more.length > 0 ? more : parts.slice(place + 1, place + 5).map(Number);
      const read = extended(given, more.length > 0);
      if (more.length === 0) place += read.taken;
      if (read.colour !== null && code !== 58) style = { ...style, [code === 38 ? "ink" : "ground"]: read.colour };
    } else style = withCode(style, code, more);
  }
  return style;
}

function withCode(style: Style, code: number, more: readonly number[]): Style {
  if (code >= 30 && code <= 37) return { ...style, ink: code - 30 };
  if (code >= 40 && code <= 47) return { ...style, ground: code - 40 };
  if (code >= 90 && code <= 97) return { ...style, ink: code - 82 };
  if (code >= 100 && code <= 107) return { ...style, ground: code - 92 };
  if (code === 4 && more[0] === 0) return { ...style, isUnderlined: false };
  const flags = FLAGS[code];
  return flags === undefined ? style : { ...style, ...flags };
}

/** The colour after a 38 or 48, and how many numbers it took. */
function extended(given: readonly number[], hasColons: boolean): { colour: Colour | null; taken: number } {
  if (given[0] === 5) return { colour: indexed(given[1]), taken: 2 };
  if (given[0] !== 2) return { colour: null, taken: given[0] === undefined ? 0 : 1 };
  // With colons a colour space may stand first: 38:2::r:g:b.
  const [red, green, blue] = hasColons && given.length > 4 ? given.slice(2, 5) : given.slice(1, 4);
  return { colour: mixed(red, green, blue), taken: 4 };
}

const LEVELS = [0, 95, 135, 175, 215, 255] as const;

function indexed(index: number | undefined): Colour | null {
  if (!isByte(index)) return null;
  if (index < 16) return index;
  if (index >= 232) return mixed(index * 10 - 2312, index * 10 - 2312, index * 10 - 2312);
  const level = (part: number): number => LEVELS[part % 6] ?? 0;
  return mixed(level(Math.floor((index - 16) / 36)), level(Math.floor((index - 16) / 6)), level(index - 16));
}

function mixed(red: number | undefined, green: number | undefined, blue: number | undefined): Colour | null {
  return isByte(red) && isByte(green) && isByte(blue) ? `rgb(${red} ${green} ${blue})` : null;
}

function isByte(number: number | undefined): number is number {
  return number !== undefined && Number.isInteger(number) && number >= 0 && number <= 255;
}
