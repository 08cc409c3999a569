/** A button that opens a small panel beside it: the browser's popover, closed by Escape or a click elsewhere. */
import { useId, type ReactElement, type ReactNode } from "react";

interface Props {
  label: ReactNode;
  /** What it is called where the label has no words: a screen reader says it, and the pointer shows it. */
  words?: string;
  className?: string;
  children: ReactNode;
}

export function Menu({ label, words, className = "button", children }: Props): ReactElement {
  const id = useId();
  const anchor = `--menu-${id.replaceAll(/[^a-zA-Z0-9]/g, "")}`;
  return (
    <>
      <button type="button" className={className} popoverTarget={id} aria-label={words} title={words} style={{ anchorName: anchor } as object}>
        {label}
      </button>
      <div id={id} popover="auto" className="menu" style={{ positionAnchor: anchor } as object}>
        {children}
      </div>
    </>
  );
}
