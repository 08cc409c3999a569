/** Words looked for in a log, and the lines that show them; searched on when the log grows. */
import { useEffect, useRef, useState } from "react";
import { NOTHING, search, type Found } from "./search";
import type { LogText } from "./text";

const TYPING_MS = 120;
const LOOKING: Found = { lines: [], isOver: false };

/** What was found, in which text by which words, up to which line. */
interface Searched extends Found {
  text: LogText;
  words: string;
  count: number;
}

export function useSearch(text: LogText, count: number, words: string): Found {
  const [found, setFound] = useState<Searched | null>(null);
  const whole = useRef<Searched | null>(null);
  useEffect(() => {
    if (words === "") return undefined;
    const before = whole.current?.text === text && whole.current.words === words ? whole.current : null;
    const controller = new AbortController();
    const tell = ({ lines, isOver }: Found): void => {
      const next = { text, words, count, isOver, lines: before === null ? lines : [...before.lines, ...lines] };
      setFound(next);
      if (isOver) whole.current = next;
    };
    const timer = setTimeout(() => void search(text, words, before?.count ?? 0, tell, controller.signal), before === null ? TYPING_MS : 0);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [text, count, words]);
  if (words === "") return NOTHING;
  return found?.words === words && found.text === text ? found : LOOKING;
}
