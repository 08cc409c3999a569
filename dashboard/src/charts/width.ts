/** How wide an element is, known before the first paint and whenever it changes. */
import { useLayoutEffect, useState, type RefObject } from "react";

/** CSS pixels; 0 before it is in the page. */
export function useWidth(ref: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return width;
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
