/** A list of which nothing is left. */
import type { ReactElement } from "react";
import { useParameters } from "~/state/url";
import { Icon } from "~/ui/icon";

export function Nothing({ hasAny }: { hasAny: boolean }): ReactElement {
  const { set } = useParameters();
  return (
    <div className="blank">
      <Icon name={hasAny ? "search" : "check"} />
      <strong>{hasAny ? "Nothing matches the search" : "Nothing is left"}</strong>
      {hasAny && <button type="button" className="button" onClick={() => set({ q: null })}>Clear the search</button>}
    </div>
  );
}
