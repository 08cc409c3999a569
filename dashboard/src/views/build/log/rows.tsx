/** The lines in sight, of however many there are. */
import { useEffect, useLayoutEffect, useRef, useState, type ReactElement, type ReactNode } from "react";
import { useSize } from "~/ui/size";
import { scrollTo, sightAt, totalPx, type Extent } from "./window";

/** As in log.css; as high as WCAG wants what is clicked. */
const ROW_PX = 24;
const SUPPOSED = { width: 0, height: 600 };

interface Props {
  count: number;
  /** Rows of screen a line takes on average. */
  rowsALine: number;
  render: (row: number) => ReactNode;
  /** A new object is a new wish to see that line. */
  wanted: { line: number } | null;
  rowOf: (line: number) => number;
  isFollowing: boolean;
  /** Somebody went up from the end. */
  onLeave: () => void;
}

export function LogRows({ count, rowsALine, render, wanted, rowOf, isFollowing, onLeave }: Props): ReactElement {
  const scroller = useRef<HTMLDivElement>(null);
  const layer = useRef<HTMLDivElement>(null);
  const [scrolled, setScrolled] = useState(0);
  const { height: viewportPx } = useSize(scroller, SUPPOSED);
  const extent: Extent = { rows: count, rowPx: ROW_PX * rowsALine, viewportPx };
  const sight = sightAt(scrolled, extent);

  useLayoutEffect(() => {
    const anchor = layer.current?.children[sight.anchor - sight.first];
    if (!(anchor instanceof HTMLElement) || layer.current === null) return;
    const top = scrolled + sight.atPx - anchor.offsetTop - sight.above * anchor.offsetHeight;
    layer.current.style.transform = `translateY(${Math.max(0, Math.round(top))}px)`;
  });
  useEffect(() => {
    if (wanted !== null && scroller.current !== null) scroller.current.scrollTop = scrollTo(rowOf(wanted.line), extent);
    // Only a new wish moves the log: what grows below or is wrapped anew does not.
    // eslint-disable-next-line react-hooks/exhaustive-deps -- see above
  }, [wanted]);
  useLayoutEffect(() => {
    if (isFollowing && scroller.current !== null) scroller.current.scrollTop = scroller.current.scrollHeight;
  }, [isFollowing, count, viewportPx]);

  // A log that becomes higher moves up as well, and stays at its end.
  const moved = ({ scrollTop, scrollHeight, clientHeight }: HTMLElement): void => {
    if (isFollowing && scrollTop < scrolled - 2 && scrollTop < scrollHeight - clientHeight - 2) onLeave();
    setScrolled(scrollTop);
  };
  return (
    <div ref={scroller} className="log-scroller" role="region" aria-label="Lines of the log" tabIndex={0} onScroll={(event) => moved(event.currentTarget)}>
      <div className="log-extent" style={{ blockSize: totalPx(extent) }}>
        <div ref={layer} className="log-layer">
          {Array.from({ length: Math.max(0, sight.last - sight.first) }, (_, place) => render(sight.first + place))}
        </div>
      </div>
    </div>
  );
}
