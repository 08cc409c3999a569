/** The list at the side: rows that lead to what is shown beside it. */
import { useEffect, useRef, useState, type KeyboardEvent, type ReactElement, type ReactNode } from "react";
import { Link, useSearch } from "wouter";
import { STALE_ROW } from "~/shell/stale_mark";
import { withChanges } from "~/state/url";

export const PATH = "/triage";
const FEW = 60;

interface ListProps<Item> {
  label: string;
  items: readonly Item[];
  keyOf: (item: Item) => string;
  current: string | null;
  renderRow: (item: Item, isCurrent: boolean) => ReactNode;
  /** Enter on the row that is looked at; null where there is nothing more to open. */
  open: (() => void) | null;
}

export function SideList<Item>({ label, items, keyOf, current, renderRow, open }: ListProps<Item>): ReactElement {
  const [most, setMost] = useState(FEW);
  const place = items.findIndex((item) => keyOf(item) === current);
  const shown = items.slice(0, Math.max(most, place + 1));
  const press = (event: KeyboardEvent): void => {
    if (open === null || event.key !== "Enter" || event.ctrlKey || event.metaKey || !(event.target instanceof Element) || event.target.getAttribute("aria-current") === null) return;
    event.preventDefault();
    open();
  };
  return (
    // The rows are links; this only hears what is pressed on them.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- see above
    <ol className="triage-list" aria-label={label} onKeyDown={press}>
      {shown.map((item) => {
        const key = keyOf(item);
        return <li key={key}>{renderRow(item, key === current)}</li>;
      })}
      {shown.length < items.length && <li className="triage-rest"><button type="button" className="button plain" onClick={() => setMost(most + FEW)}>{items.length - shown.length} more</button></li>}
    </ol>
  );
}

/** The row of what is looked at gets the focus when keys led there. */
export function focusCurrent(): void {
  requestAnimationFrame(() => document.querySelector<HTMLElement>(".triage-list [aria-current]")?.focus({ preventScroll: true }));
}

interface RowProps {
  /** Its parameter in the address. */
  name: string;
  value: string;
  isCurrent: boolean;
  isStale?: boolean;
  children: ReactNode;
}

export function SideRow({ name, value, isCurrent, isStale = false, children }: RowProps): ReactElement {
  const search = useSearch();
  const row = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    if (isCurrent) row.current?.scrollIntoView({ block: "nearest" });
  }, [isCurrent]);
  return <Link ref={row} href={withChanges(PATH, search, { [name]: value })} className={isStale ? `triage-row ${STALE_ROW}` : "triage-row"} aria-current={isCurrent ? "true" : undefined}>{children}</Link>;
}
