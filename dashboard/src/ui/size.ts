/** How large an element is, known before it is painted and whenever that changes; and how large letters are. */
import { useLayoutEffect, useState, type RefObject } from "react";
import { flushSync } from "react-dom";

/** In CSS pixels, within its borders. */
export interface Size {
  width: number;
  height: number;
}

const UNKNOWN: Size = { width: 0, height: 0 };

/** Before the element is in the page: what is supposed. */
export function useSize(ref: RefObject<HTMLElement | null>, supposed: Size = UNKNOWN): Size {
  const [size, setSize] = useState(supposed);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    return watch(element, () => {
      const { clientWidth: width, clientHeight: height } = element;
      setSize((before) => (before.width === width && before.height === height ? before : { width, height }));
    });
  }, [ref]);
  return size;
}

const readers = new WeakMap<Element, () => void>();
let observer: ResizeObserver | undefined;

/** Reads the first size, too, after the browser's own layout: asked for sooner, it would have to lay the page out once more. */
function watch(element: Element, read: () => void): () => void {
  // One for all: what is read at once is drawn at once, and in the frame in which it was read.
  observer ??= new ResizeObserver((entries) => flushSync(() => entries.forEach(({ target }) => readers.get(target)?.())));
  readers.set(element, read);
  observer.observe(element);
  return () => observer?.unobserve(element);
}

const USUAL_REM = 15;

/** How many CSS pixels the root's letters have: on a wall they are larger, and what is drawn beside them has to be. */
export function useRem(): number {
  const [rem, setRem] = useState(USUAL_REM);
  useLayoutEffect(() => {
    const read = (): void => setRem(Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || USUAL_REM);
    read();
    window.addEventListener("resize", read);
    return () => window.removeEventListener("resize", read);
  }, []);
  return rem;
}
