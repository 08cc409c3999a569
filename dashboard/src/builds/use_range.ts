/** Which of many rows of one height are in sight. Sums nothing up, so a list of any length costs the same. */
import { useCallback, useState, useSyncExternalStore, type RefObject } from "react";

/** Rows kept ready on either side of those in sight. */
const OVERSCAN = 6;

export interface Range {
  first: number;
  /** Included; before `first` where there is no row. */
  last: number;
}

export function rangeOf(scrolled: number, height: number, rowPx: number, count: number): Range {
  const first = Math.max(0, Math.floor(scrolled / rowPx) - OVERSCAN);
  const last = Math.min(count - 1, Math.ceil((scrolled + height) / rowPx) + OVERSCAN);
  return { first: Math.min(first, Math.max(0, last)), last };
}

export function useRange(scroller: RefObject<HTMLElement | null>, rowPx: number, count: number): Range {
  const [sight] = useState(() => new Sight());
  // A store's changes are drawn in the same frame; later, and fast scrolling would show the empty ground.
  const { top, height } = useSyncExternalStore(
    useCallback((changed) => sight.watch(scroller, rowPx, changed), [sight, scroller, rowPx]),
    () => sight.now,
  );
  return rangeOf(top * rowPx, height, rowPx, count);
}

/** What is in sight, asked of the browser only when it moves: asking between two renderings costs a layout each time. */
class Sight {
  now = { top: 0, height: 0 };

  watch({ current: element }: RefObject<HTMLElement | null>, rowPx: number, changed: () => void): () => void {
    if (element === null) return () => undefined;
    const look = (): void => {
      const [top, height] = [Math.floor(element.scrollTop / rowPx), element.clientHeight];
      if (this.now.top === top && this.now.height === height) return;
      this.now = { top, height };
      changed();
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }
}

/** Where a row must be scrolled to, to be in sight below the head; null where it is. */
export function scrollFor(index: number, scrolled: number, height: number, rowPx: number, headPx: number): number | null {
  const [start, end] = [index * rowPx, (index + 1) * rowPx];
  if (start < scrolled) return start;
  return end + headPx > scrolled + height ? end + headPx - height : null;
}
