/** One line of a log: its number, which is a link, and its text in colours. */
import { memo, type CSSProperties, type ReactElement, type ReactNode } from "react";
import { lineOf, type Colour, type Span, type Style } from "~/lib/ansi";
import { count, whole } from "~/lib/numbers";
import { clock, exact } from "~/lib/time";
import { Icon } from "~/ui/icon";
import { LONGEST, readLine, type Kind } from "./lines";
import { placesOf } from "./search";

interface Props {
  number: number;
  raw: string;
  from: Style;
  isError: boolean;
  isLinked: boolean;
  isCurrent: boolean;
  hasTimes: boolean;
  words: string;
  /** How many lines fold under this one; none where it is no heading. */
  folds: number;
  isFolded: boolean;
  fold: (line: number, isClosed: boolean) => void;
}

const SAID: Partial<Record<Kind, string>> = { error: "Error: ", warning: "Warning: ", notice: "Notice: ", command: "$ ", debug: "Debug: " };

export const LogLine = memo(function LogLine({ number, raw, from, isError, isLinked, isCurrent, hasTimes, words, folds, isFolded, fold }: Props): ReactElement {
  const { at: said, kind, text } = readLine(raw);
  const at = said !== null && !Number.isNaN(Date.parse(said)) ? said : null;
  const { spans } = lineOf(text, from);
  const name = `log-line log-${kind}${isError ? " log-bad" : ""}${isLinked ? " log-linked" : ""}${isCurrent ? " log-current" : ""}`;
  return (
    <div className={name}>
      <a className="log-number" href={`#L${number}`} aria-label={`Line ${number}${isError ? ", an error" : ""}`}>
        {isError && <Icon name="cross" />}
        {number}
      </a>
      {hasTimes && <span className="log-time" title={at === null ? undefined : exact(at)}>{at === null ? "" : clock(at)}</span>}
      <span className="log-fold">
        {folds > 0 && (
          <button type="button" onClick={() => fold(number - 1, !isFolded)} aria-expanded={!isFolded} aria-label={`${count(folds, "line")} under line ${number}`}>
            <Icon name={isFolded ? "right" : "down"} />
          </button>
        )}
      </span>
      <code className="log-text" dir="ltr">
        {SAID[kind]}
        <Spans spans={spans} words={words} />
        {raw.length > LONGEST && <em className="log-note"> … a line of {whole(raw.length)} characters; download the log to read it all</em>}
        {isFolded && <em className="log-note"> {count(folds, "line")}</em>}
      </code>
    </div>
  );
});

/** The spans, cut where found words begin and end. */
function Spans({ spans, words }: { spans: readonly Span[]; words: string }): ReactNode {
  const places = words === "" ? [] : placesOf(spans.map((span) => span.text).join(""), words);
  let at = 0;
  return spans.map((span, place) => {
    const start = at;
    at += span.text.length;
    return (
      // oxlint-disable-next-line react/no-array-index-key -- spans have no other name and no state
      <span key={place} className={span.isMark ? "log-mark" : classOf(span.style)} style={coloursOf(span.style)}>
        {highlighted(span.text, start, places, words.length)}
      </span>
    );
  });
}

function highlighted(text: string, start: number, places: readonly number[], length: number): ReactNode {
  const parts: ReactNode[] = [];
  let done = 0;
  for (const place of places) {
    const from = Math.max(0, place - start);
    const to = Math.min(text.length, place + length - start);
    if (to <= done || from >= text.length) continue;
    parts.push(text.slice(done, from), <mark key={place}>{text.slice(from, to)}</mark>);
    done = to;
  }
  return parts.length === 0 ? text : [...parts, text.slice(done)];
}

function classOf(style: Style): string | undefined {
  const ink = style.isInverse ? style.ground : style.ink;
  const ground = style.isInverse ? (style.ink ?? "ink") : style.ground;
  const names = [
    typeof ink === "number" ? `ink-${ink}` : ink !== null && "ink-own",
    typeof ground === "number" ? `ground-${ground}` : ground !== null && (ground === "ink" ? "ground-ink" : "ground-own"),
    style.isBold && "bold", style.isFaint && "faint", style.isItalic && "italic", style.isUnderlined && "underlined", style.isStruck && "struck",
  ];
  return names.filter(Boolean).join(" ") || undefined;
}

function coloursOf(style: Style): CSSProperties | undefined {
  const [ink, ground] = style.isInverse ? [style.ground, style.ink] : [style.ink, style.ground];
  if (!isOwn(ink) && !isOwn(ground)) return undefined;
  return { ...(isOwn(ink) && { "--own-ink": ink }), ...(isOwn(ground) && { "--own-ground": ground }) } as CSSProperties;
}

function isOwn(colour: Colour | null): colour is Exclude<Colour, number> {
  return typeof colour === "string";
}
