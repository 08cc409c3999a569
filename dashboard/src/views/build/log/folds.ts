/** Parts of a log that fold: GitHub's groups, GitLab's sections, jobs one after another. */
import type { Block } from "./text";
import { lineAt } from "./text";

export interface Fold {
  /** The line that stays: its heading. */
  start: number;
  /** After its last line. */
  end: number;
  depth: number;
  /** As its provider shows it until somebody decides. */
  isClosed: boolean;
}

interface Open extends Fold {
  /** What ends it: a section its own name, a group the next end. */
  name: string;
}

/** Cheap, and in every line that begins or ends a fold. */
const HINT = /##\[(?:end)?group\]|##\[section\]|section_(?:start|end):|==> /g;
// A mark begins its line but for the provider's stamp and what erases; GitLab writes several in one line.
// eslint-disable-next-line no-control-regex -- those are control sequences
const MARK = /^(?:\uFEFF?\d{4}-\d\d-\d\dT[\d:.]+Z (?:\d\d[OE][ +])?)?(?:\u001b\[[\d;]*[mK]|\r)*(?:##\[(group|endgroup|section)\]|section_(start|end):|==> [^\n]* <==\r?$)/;
const SECTION = /section_(start|end):\d+:([\w.-]+)(\[[^\]\n]*\])?/g;
const DEEPEST = 20;

export class Folding {
  private readonly closed: Fold[] = [];
  private open: Open[] = [];
  private readonly jobs = new Set<number>();
  private readonly hasJobs: boolean;

  constructor(hasJobs: boolean) {
    this.hasJobs = hasJobs;
  }

  isJob(line: number): boolean {
    return this.jobs.has(line);
  }

  /** By their first lines; those that have not ended reach to the last line there is. */
  folds(count: number): readonly Fold[] {
    const open = this.open.map((fold) => ({ ...fold, end: count }));
    return [...this.closed, ...open].filter((fold) => fold.end - fold.start > 1).sort((one, other) => one.start - other.start || one.depth - other.depth);
  }

  read({ text, first, starts }: Block): void {
    const hint = new RegExp(HINT);
    for (let found = hint.exec(text); found !== null; found = hint.exec(text)) {
      const place = lineAt(starts, found.index);
      const end = starts[place + 1] ?? text.length;
      this.mark(text.slice(starts[place], end - 1), first + place);
      hint.lastIndex = end;
    }
  }

  private mark(text: string, line: number): void {
    const [found, group, section] = MARK.exec(text) ?? [];
    if (group === "endgroup") this.close("group", line + 1);
    else if (group !== undefined) this.begin("group", line, true);
    else if (section !== undefined) this.sections(text, line);
    else if (found !== undefined && this.hasJobs) this.job(line);
  }

  private sections(text: string, line: number): void {
    for (const [, which, name = "", options = ""] of text.matchAll(SECTION)) {
      if (which === "start") this.begin(`section ${name}`, line, options.includes("collapsed=true"));
      // The line of an end that begins the next section is that one's heading.
      else this.close(`section ${name}`, text.includes("section_start:") ? line : line + 1);
    }
  }

  private job(line: number): void {
    this.closeFrom(0, line);
    this.jobs.add(line);
    this.begin("job", line, false);
  }

  private begin(name: string, start: number, isClosed: boolean): void {
    // Groups do not nest at GitHub: the next one ends the one before.
    if (name === "group") this.close("group", start);
    if (this.open.length < DEEPEST) this.open.push({ name, start, end: start, depth: this.open.length, isClosed });
  }

  private close(name: string, end: number): void {
    const place = this.open.findLastIndex((fold) => fold.name === name);
    if (place >= 0) this.closeFrom(place, end);
  }

  private closeFrom(place: number, end: number): void {
    for (const { start, depth, isClosed } of this.open.slice(place)) this.closed.push({ start, end, depth, isClosed });
    this.open = this.open.slice(0, place);
  }
}

/** Which lines are shown, as rows; both ways. */
export class Rows {
  readonly count: number;
  /** Ranges of hidden lines, apart from each other and ascending; `before`: how many are hidden before. */
  private readonly hidden: readonly { start: number; end: number; before: number }[];

  constructor(lines: number, folds: readonly Fold[], isClosed: (fold: Fold) => boolean) {
    const hidden: { start: number; end: number; before: number }[] = [];
    let before = 0;
    let reached = 0;
    for (const fold of folds) {
      if (fold.end <= reached || !isClosed(fold)) continue;
      const start = Math.max(fold.start + 1, reached);
      hidden.push({ start, end: fold.end, before });
      before += fold.end - start;
      reached = fold.end;
    }
    this.hidden = hidden;
    this.count = lines - before;
  }

  lineOf(row: number): number {
    let low = 0;
    let high = this.hidden.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const range = this.hidden[middle];
      if (range !== undefined && range.start - range.before <= row) low = middle + 1;
      else high = middle;
    }
    const last = this.hidden[low - 1];
    return last === undefined ? row : row + last.before + (last.end - last.start);
  }

  /** The row of a line; of a hidden one the row of the heading it is folded under. */
  rowOf(line: number): number {
    let row = line;
    for (const range of this.hidden) {
      if (range.start > line) break;
      if (line < range.end) return range.start - 1 - range.before;
      row = line - range.before - (range.end - range.start);
    }
    return row;
  }
}
