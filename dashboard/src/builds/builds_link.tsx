/** From a figure of any view to exactly the builds behind it: the overview's table, filtered the same. */
import { createContext, useContext, type ReactElement, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { useScope } from "~/state/scope";
import { useParameters } from "~/state/url";
import { pageAddress } from "./filter";

/** Where a page has a table of its own: the address of the overview's table as the address of that one. */
export const BuildsPlace = createContext<(address: string) => string>((address) => address);

interface Props {
  /** As the API gives it. */
  link: string | undefined;
  className?: string;
  title?: string;
  children: ReactNode;
}

export function BuildsLink({ link, children, ...rest }: Props): ReactElement {
  const { search } = useParameters();
  const { frame } = useScope();
  const place = useContext(BuildsPlace);
  const to = pageAddress(link, search, frame);
  if (to === null) return <span {...rest}>{children}</span>;
  return <Link href={place(to)} onClick={showBuilds} {...rest}>{children}</Link>;
}

export function useGoToBuilds(): (link: string) => void {
  const { search } = useParameters();
  const { frame } = useScope();
  const place = useContext(BuildsPlace);
  const [, navigate] = useLocation();
  return (link) => {
    const to = pageAddress(link, search, frame);
    if (to === null) return;
    navigate(place(to));
    showBuilds();
  };
}

export const BUILDS_ID = "builds";

/** The table comes into sight, unless most of it is. */
export function showBuilds(): void {
  document.querySelectorAll<HTMLElement>(":popover-open").forEach((open) => open.hidePopover());
  const table = document.getElementById(BUILDS_ID);
  if (table === null) return;
  const { top } = table.getBoundingClientRect();
  if (top < 0 || top > window.innerHeight * 0.5) table.scrollIntoView({ block: "start" });
}
