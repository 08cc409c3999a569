/** Someone came to another view: its heading has the focus, its name the title, and it begins at the top. */
import { useEffect, type ReactElement } from "react";
import { VIEWS } from "~/views";

let shown: string | null = null;

/** Stands behind the view, so that it is only there once the view is. */
export function Arrival({ path }: { path: string }): ReactElement | null {
  useEffect(() => {
    const title = VIEWS.find((view) => view.path === path)?.title;
    if (title) document.title = title === "Overview" ? "Build Observatory" : `${title} · Build Observatory`;
    const isFirst = shown === null;
    const isSame = shown === path;
    shown = path;
    if (isFirst || isSame) return;
    window.scrollTo(0, 0);
    const heading = document.querySelector<HTMLElement>("main h1") ?? document.querySelector<HTMLElement>("main");
    if (heading === null) return;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }, [path]);
  return null;
}
