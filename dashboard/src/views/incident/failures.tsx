/** How often an open incident failed, and whether a build has passed or failed after the first time. */
import type { ReactElement } from "react";
import type { Incident } from "~/api/types";
import { sinceThen } from "~/lib/incident";
import { Instant } from "~/ui/instant";

export function Failures({ incident }: { incident: Incident }): ReactElement {
  const { words, isAgain } = sinceThen(incident);
  return <span title={isAgain ? undefined : "No newer build of this branch has passed or failed"}>{words}{isAgain && <> <Instant at={incident.last_failed_at} /></>}</span>;
}
