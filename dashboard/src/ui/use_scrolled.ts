/** How far an element is scrolled and how large it is, asked of the browser only when one of them changes. */
import { useCallback, useState, useSyncExternalStore, type RefObject } from "react";

/** In pixels. */
export interface Scrolled {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** Until it is measured: a screen. */
const SCREEN: Scrolled = { top: 0, left: 0, height: 900, width: 1600 };

/** In whole steps downwards, and sideways where a step is given: what lies between is no reason to draw anything anew. */
export function useScrolled(scroller: RefObject<HTMLElement | null>, downPx: number, sidePx?: number): Scrolled {
  const [eye] = useState(() => new Eye());
  // A store's changes are drawn in the same frame; later, and fast scrolling would show the empty ground.
  return useSyncExternalStore(
    useCallback((changed) => eye.watch(scroller, downPx, sidePx, changed), [eye, scroller, downPx, sidePx]),
    () => eye.now,
  );
}

class Eye {
  now = SCREEN;

  watch({ current: element }: RefObject<HTMLElement | null>, downPx: number, sidePx: number | undefined, changed: () => void): () => void {
    if (element === null) return () => undefined;
    const see = (seen: Partial<Scrolled>): void => {
      const next = { ...this.now, ...seen };
      const { now } = this;
      if (now.top === next.top && now.left === next.left && now.height === next.height && now.width === next.width) return;
      this.now = next;
      changed();
    };
    const place = (): Partial<Scrolled> => {
      const top = stepped(element.scrollTop, downPx);
      return sidePx === undefined ? { top } : { top, left: stepped(element.scrollLeft, sidePx) };
    };
    const look = (): void => see(place());
    // The first time, too: asked before the browser has laid the page out, it would have to do so once more.
    const observer = new ResizeObserver(() => see({ ...place(), height: element.clientHeight, width: element.clientWidth }));
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }
}

function stepped(scrolled: number, step: number): number {
  return Math.floor(scrolled / step) * step;
}
