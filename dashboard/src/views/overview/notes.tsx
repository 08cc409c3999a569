/** Why the figures may be of less than was asked for. */
import type { ReactElement } from "react";
import type { Overview } from "~/api/types";
import { count } from "~/lib/numbers";
import { exact } from "~/lib/time";
import { LACKING, StaleNote } from "~/shell/stale_note";
import { Icon } from "~/ui/icon";

export function Notes({ overview }: { overview: Overview }): ReactElement {
  const isPart = overview.counting > 0 || overview.window.is_cut;
  return (
    <>
      <StaleNote of={overview.stale_sources}>{LACKING}</StaleNote>
      {isPart && (
        <p className="notice tone-late" role="status">
          <Icon name="info" />
          <span>
            {overview.counting > 0 && `Builds of ${count(overview.counting, "pipeline")} on record are still being counted after an upgrade: figures lack them so far. `}
            {overview.window.is_cut && `Of a branch only the newest 20,000 builds are counted: the figures begin at ${exact(overview.window.since)}.`}
          </span>
        </p>
      )}
    </>
  );
}
