/** An instant as people say it; hovering tells it exactly, in the viewer's zone. */
import type { ReactElement } from "react";
import { ago, exact } from "~/lib/time";
import { useNow } from "~/state/now";

export function Instant({ at, none = "–" }: { at: string | null | undefined; none?: string }): ReactElement {
  const now = useNow();
  if (!at) return <span className="quiet">{none}</span>;
  return (
    <time dateTime={at} title={exact(at)}>
      {ago(at, now)}
    </time>
  );
}
