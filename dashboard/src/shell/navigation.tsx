/** The way to each view. */
import type { ReactElement } from "react";
import { useLocation } from "wouter";
import { Icon } from "~/ui/icon";
import { ViewLink } from "~/ui/view_link";
import { VIEWS, fetchView } from "~/views";

export function Navigation(): ReactElement {
  const [path] = useLocation();
  return (
    <nav className="views" aria-label="Views">
      {VIEWS.map(
        (view) =>
          view.title !== null && (
            // Who points at it is about to come; where the script cannot be had, coming says so.
            <ViewLink key={view.path} to={view.path} onPointerEnter={() => void fetchView(view).catch(() => undefined)} aria-current={isCurrent(view.path, path) ? "page" : undefined}>
              <Icon name={view.icon} />
              <span>{view.title}</span>
            </ViewLink>
          ),
      )}
    </nav>
  );
}

function isCurrent(view: string, path: string): boolean {
  return view === "/" ? path === "/" : path === view || path.startsWith(`${view}/`);
}
