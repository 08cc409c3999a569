/** How wide or high an element is, known before the first paint and whenever it changes. */
import { useLayoutEffect, useState, type RefObject } from "react";

/** CSS pixels; 0 before it is in the page. */
export function useWidth(ref: RefObject<HTMLElement | null>): number {
  return useLength(ref, "clientWidth");
}

/** CSS pixels; 0 before it is in the page. */
export function useHeight(ref: RefObject<HTMLElement | null>): number {
  return useLength(ref, "clientHeight");
}

function useLength(ref: RefObject<HTMLElement | null>, side: "clientWidth" | "clientHeight"): number {
  const [length, setLength] = useState(0);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    setLength(element[side]);
    const observer = new ResizeObserver(() => setLength(element[side]));
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref, side]);
  return length;
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
