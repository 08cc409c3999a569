import { describe, expect, test } from "vitest";
import { PLAIN, lineOf, plainOf, styleAfter } from "./ansi";

const ESC = "\u001b";

function looks(text: string): [string, object][] {
  return lineOf(text).spans.map((span) => [span.text, changed(span.style)]);
}

/** Only what differs from plain text. */
function changed(style: object): object {
  return Object.fromEntries(Object.entries(style).filter(([name, value]) => value !== PLAIN[name as keyof typeof PLAIN]));
}

describe("colours", () => {
  test("the sixteen colours are numbers of the palette, the bright ones from eight on", () => {
    expect(looks(`${ESC}[31mred${ESC}[0m ${ESC}[92mbright${ESC}[39;44mground`)).toEqual([
      ["red", { ink: 1 }], [" ", {}], ["bright", { ink: 10 }], ["ground", { ground: 4 }],
    ]);
  });

  test("a colour of 256 is one of the palette, of the cube or a grey", () => {
    expect(looks(`${ESC}[38;5;9ma${ESC}[38;5;208mb${ESC}[48;5;244mc`)).toEqual([
      ["a", { ink: 9 }], ["b", { ink: "rgb(255 135 0)" }], ["c", { ink: "rgb(255 135 0)", ground: "rgb(128 128 128)" }],
    ]);
  });

  test("true colour is read with semicolons, with colons, and with a colour space", () => {
    const orange = [["x", { ink: "rgb(255 128 0)" }]];
    expect(looks(`${ESC}[38;2;255;128;0mx`)).toEqual(orange);
    expect(looks(`${ESC}[38:2:255:128:0mx`)).toEqual(orange);
    expect(looks(`${ESC}[38:2::255:128:0mx`)).toEqual(orange);
  });

  test("what follows an extended colour in the same sequence still counts", () => {
    expect(looks(`${ESC}[1;38;5;1;4mx`)).toEqual([["x", { isBold: true, ink: 1, isUnderlined: true }]]);
    expect(looks(`${ESC}[58;2;1;2;3;3mx`)).toEqual([["x", { isItalic: true }]]);
  });

  test("numbers that are no colour change nothing", () => {
    expect(looks(`${ESC}[38;5;256ma${ESC}[38;2;1;2;999mb${ESC}[38;5mc${ESC}[99999999999999mx`)).toEqual([["abcx", {}]]);
  });

  test("an empty sequence and a zero make everything plain again", () => {
    expect(looks(`${ESC}[1;3;31ma${ESC}[mb${ESC}[7mc${ESC}[0;2md`)).toEqual([
      ["a", { isBold: true, isItalic: true, ink: 1 }], ["b", {}], ["c", { isInverse: true }], ["d", { isFaint: true }],
    ]);
  });

  test("looks are nested and taken away one by one", () => {
    expect(looks(`${ESC}[1ma${ESC}[31mb${ESC}[22mc${ESC}[39md`)).toEqual([
      ["a", { isBold: true }], ["b", { isBold: true, ink: 1 }], ["c", { ink: 1 }], ["d", {}],
    ]);
  });

  test("the next line begins as this one ends", () => {
    const first = lineOf(`${ESC}[31mone`);
    expect(lineOf("two", first.after).spans[0]?.style.ink).toBe(1);
    expect(styleAfter(`${ESC}[31mone${ESC}[1m`, PLAIN)).toEqual({ ...PLAIN, ink: 1, isBold: true });
    expect(styleAfter(`two${ESC}[0m`, first.after)).toBe(PLAIN);
  });
});

describe("writing over", () => {
  test("after a carriage return the line is written over, as far as the new text goes", () => {
    expect(plainOf("progress 10 %\rprogress 99 %")).toBe("progress 99 %");
    expect(plainOf("abcdef\rxy")).toBe("xycdef");
  });

  test("a carriage return at the end belongs to the end of the line", () => {
    expect(plainOf("done\r\n")).toBe("done");
  });

  test("erasing takes away what was there", () => {
    expect(plainOf(`downloading 100 %\r${ESC}[Kdone`)).toBe("done");
    expect(plainOf(`abc${ESC}[2K\rx`)).toBe("x");
    expect(plainOf(`abc\b\b${ESC}[0K!`)).toBe("a!");
  });

  test("what is written over takes the new colour, the rest keeps its own", () => {
    expect(looks(`${ESC}[31mabcd\r${ESC}[32mxy`)).toEqual([["xy", { ink: 2 }], ["cd", { ink: 1 }]]);
  });

  test("the cursor goes forward and back, but never out of the screen", () => {
    expect(plainOf(`a${ESC}[3Cb`)).toBe("a   b");
    expect(plainOf(`ab${ESC}[99D!`)).toBe("!b");
    expect(plainOf(`a${ESC}[2Gb${ESC}[1GX`)).toBe("Xb");
    expect(plainOf(`x${ESC}[999999999999Cy`).length).toBeLessThan(5000);
  });

  test("an accent stays on its letter and a pair of surrogates is one character", () => {
    expect(plainOf("e\u0301🚀x\r🛰")).toBe("🛰🚀x");
  });
});

describe("nasty input", () => {
  test("broken sequences show what is left of them and hide nothing after", () => {
    expect(plainOf(`a${ESC}[3`)).toBe("a[3");
    expect(plainOf(`a${ESC}`)).toBe("a");
    expect(plainOf(`a${ESC}[31\u0001mb`)).toBe("a[31␁mb");
    expect(plainOf(`a${ESC}]0;a title without an end`)).toBe("a]0;a title without an end");
  });

  test("titles, links and other strings for the terminal are left out, the words of a link stay", () => {
    expect(plainOf(`a${ESC}]0;title\u0007b`)).toBe("ab");
    expect(plainOf(`${ESC}]8;;https://example.org${ESC}\\words${ESC}]8;;${ESC}\\`)).toBe("words");
    expect(plainOf(`a${ESC}P1$r0m${ESC}\\b${ESC}_apc${ESC}\\c`)).toBe("abc");
    expect(plainOf(`a${ESC}(Bb${ESC}7c${ESC}[?25ld${ESC}[2Je`)).toBe("abcde");
  });

  test("sequences in sequences end the outer one", () => {
    expect(looks(`${ESC}[${ESC}[31mx`)).toEqual([["[", {}], ["x", { ink: 1 }]]);
  });

  test("markup is text", () => {
    const text = "<img src=x onerror=alert(1)>&amp;<script>1</script>";
    expect(plainOf(text)).toBe(text);
  });

  test("characters that turn the direction of writing are named", () => {
    const spans = lineOf("a\u202Eb\u2066c").spans;
    expect(spans.map((span) => [span.text, span.isMark])).toEqual([["a", false], ["U+202E", true], ["b", false], ["U+2066", true], ["c", false]]);
    expect(plainOf("إصلاح")).toBe("إصلاح");
  });

  test("control characters are shown, bells and byte order marks are not", () => {
    expect(plainOf("\uFEFFa\u0000b\u0007c\u007F\u0085")).toBe("a␀bc␡U+0085");
  });

  test("the text alone is the spans put together", () => {
    const text = `a\u202E${ESC}[31mb\rc${ESC}[0m\td`;
    expect(plainOf(text)).toBe(lineOf(text).spans.map((span) => span.text).join(""));
  });

  test("a private sequence that ends in m is no style", () => {
    expect(looks(`${ESC}[>4;2mx`)).toEqual([["x", {}]]);
  });

  test.each([
    ["styles", `${ESC}[31mx`],
    ["unfinished strings", `${ESC}]x`],
    ["unfinished strings of eight bits", "\u0090"],
    ["unfinished sequences", `${ESC}[0;`],
    ["returns", "ab\r"],
    ["numbers", "\u009B1;"],
  ])("a hundred kilobytes of %s take linear time", (_, part) => {
    // Quadratic time would be minutes.
    const text = part.repeat(Math.ceil(100_000 / part.length));
    const began = performance.now();
    lineOf(text);
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
