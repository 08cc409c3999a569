import { describe, expect, test } from "vitest";
import { Rows } from "./folds";
import { readLine } from "./lines";
import { LogText } from "./text";

const ESC = "\u001b";
const STAMP = "2026-11-22T16:55:40.0000000Z ";

function logOf(text: string, hasJobs = false): LogText {
  const log = new LogText(hasJobs);
  log.append(text);
  log.end();
  return log;
}

function foldsOf(log: LogText): [number, number, boolean][] {
  return log.folds.map((fold) => [fold.start, fold.end, fold.isClosed]);
}

describe("lines", () => {
  test("are the same however the text was cut on its way", () => {
    const text = "one\ntwo\n\nfour\nfive";
    for (let cut = 1; cut < text.length; cut += 1) {
      const log = new LogText(false);
      for (let at = 0; at < text.length; at += cut) log.append(text.slice(at, at + cut));
      expect(Array.from({ length: log.count }, (_, line) => log.line(line))).toEqual(["one", "two", "", "four", "five"]);
    }
  });

  test("that have not ended are shown, and grow", () => {
    const log = new LogText(false);
    log.append("one\ntw");
    expect([log.count, log.line(1)]).toEqual([2, "tw"]);
    log.append("o\n");
    expect([log.count, log.line(1)]).toEqual([2, "two"]);
  });

  test("that do not exist are empty", () => {
    expect([logOf("one\n").line(1), logOf("").line(0)]).toEqual(["", ""]);
  });

  test("tell of errors by number", () => {
    const log = logOf(`${STAMP}fine\n${STAMP}##[error]broken\nerror: again\nno error here\n`);
    expect(log.errors).toEqual([1, 2]);
    expect([log.isError(1), log.isError(3)]).toEqual([true, false]);
  });

  test("begin in the colour in which the one before ended", () => {
    const log = logOf(`${ESC}[31mred\nstill\n${ESC}[0mplain\nplain\n${ESC}[1mbold${ESC}[0m\nplain\n`);
    expect([0, 1, 2, 3, 5].map((line) => log.styleAt(line).ink)).toEqual([null, 1, 1, null, null]);
    expect(log.styleAt(5).isBold).toBe(false);
  });

  test("of the next job begin plain", () => {
    const log = logOf(`==> one <==\n${ESC}[31mred\n\n==> two <==\nplain\n`, true);
    expect([2, 3, 4].map((line) => log.styleAt(line).ink)).toEqual([1, null, null]);
  });
});

describe("folds", () => {
  test("are GitHub's groups, closed, with their end", () => {
    expect(foldsOf(logOf(`${STAMP}##[group]Set up\n${STAMP}a\n${STAMP}##[endgroup]\nb\n`))).toEqual([[0, 3, true]]);
  });

  test("end where the next group begins when nobody ended them", () => {
    expect(foldsOf(logOf("##[group]one\na\n##[group]two\nb\n"))).toEqual([[0, 2, true], [2, 4, true]]);
  });

  test("are GitLab's sections, open unless it says otherwise, one in another", () => {
    const text = [
      `section_start:1:outer\r${ESC}[0KOuter`, "a", `section_start:2:inner[collapsed=true]\r${ESC}[0KInner`, "b", `section_end:3:inner\r${ESC}[0K`, "c",
      `section_end:4:outer\r${ESC}[0K`, "d", "",
    ].join("\n");
    expect(foldsOf(logOf(text))).toEqual([[0, 7, false], [2, 5, true]]);
  });

  test("end on the line on which the next section begins", () => {
    expect(foldsOf(logOf("section_start:1:a\rA\nx\nsection_end:2:a\rsection_start:2:b\rB\ny\nsection_end:3:b\r\n"))).toEqual([[0, 2, false], [2, 5, false]]);
  });

  test("are jobs one after another, whatever was left open in the one before", () => {
    expect(foldsOf(logOf("==> one <==\n##[group]never ends\na\n\n==> two <==\nb\n", true))).toEqual([[0, 4, false], [1, 4, true], [4, 6, false]]);
  });

  test("are no jobs in the log of one job", () => {
    expect(foldsOf(logOf("==> one <==\na\n"))).toEqual([]);
  });

  test("that nobody began do not end anything", () => {
    expect(foldsOf(logOf("##[endgroup]\nsection_end:1:x\r\na\n"))).toEqual([]);
  });

  test("reach to the last line while the log grows", () => {
    const log = new LogText(false);
    log.append("##[group]one\na\n");
    expect(foldsOf(log)).toEqual([[0, 2, true]]);
    log.append("b\n");
    expect(foldsOf(log)).toEqual([[0, 3, true]]);
  });

  test("of a hundred thousand sections never ended are not nested without end", () => {
    const log = logOf(Array.from({ length: 100_000 }, (_, number) => `section_start:1:s${number}\rx\n`).join(""));
    expect(log.folds.length).toBeLessThanOrEqual(20);
  });
});

describe("rows", () => {
  const folds = [
    { start: 1, end: 4, depth: 0, isClosed: true },
    { start: 2, end: 4, depth: 1, isClosed: true },
    { start: 6, end: 8, depth: 0, isClosed: true },
  ];

  test("leave out what is folded, both ways", () => {
    const rows = new Rows(10, folds, (fold) => fold.isClosed);
    const lines = Array.from({ length: rows.count }, (_, row) => rows.lineOf(row));
    expect(lines).toEqual([0, 1, 4, 5, 6, 8, 9]);
    expect(lines.map((line) => rows.rowOf(line))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(rows.rowOf(3)).toBe(1);
  });

  test("show what an open fold holds but for what is closed in it", () => {
    const rows = new Rows(10, folds, (fold) => fold.start === 2);
    expect(Array.from({ length: rows.count }, (_, row) => rows.lineOf(row))).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9]);
  });
});

describe("a line as its provider meant it", () => {
  test("has GitHub's stamp apart from its text", () => {
    expect(readLine(`${STAMP}hello`)).toEqual({ at: "2026-11-22T16:55:40.0000000Z", kind: "plain", text: "hello" });
  });

  test("has GitLab's stamp and stream apart, too", () => {
    expect(readLine("2026-11-22T16:55:40.123456Z 01E oops")).toEqual({ at: "2026-11-22T16:55:40.123456Z", kind: "plain", text: "oops" });
  });

  test.each([["##[group]Set up", "heading", "Set up"], ["##[error]x", "error", "x"], ["##[endgroup]", "end", ""], ["##[unknown]x", "plain", "##[unknown]x"], ["==> lint <==", "job", "lint"]])(
    "%j is a line of kind %s",
    (raw, kind, text) => expect(readLine(raw)).toMatchObject({ kind, text }),
  );

  test("shows a section by its heading, and its end not at all", () => {
    expect(readLine(`section_start:1:a[collapsed=true]\r${ESC}[0K${ESC}[36;1mHeading${ESC}[0;m`)).toMatchObject({ kind: "heading", text: `${ESC}[36;1mHeading${ESC}[0;m` });
    expect(readLine(`section_end:1:a\r${ESC}[0K`)).toMatchObject({ kind: "end" });
  });

  test("is cut where it is too long to be read, to what a progress bar said last", () => {
    expect(readLine("x".repeat(50_000)).text).toHaveLength(20_000);
    expect(readLine(`${"progress\r".repeat(10_000)}done`).text).toBe("\rdone");
  });
});
