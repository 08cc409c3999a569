/** How a build or an incident stands: an icon and a word, in a colour that only repeats them. */
import type { ReactElement } from "react";
import type { Incident } from "~/api/types";
import { incidentLook } from "~/lib/incident";
import { lookOf } from "~/lib/status";
import { Icon } from "./icon";

interface Props {
  status: string | null;
  isBare?: boolean;
  isFlaky?: boolean;
  /** A build that should not be believed to run. */
  isStale?: boolean;
}

export function StatusPill({ status, isBare = false, isFlaky = false, isStale = false }: Props): ReactElement {
  const look = lookOf(status);
  return (
    <span className={`pill tone-${isStale ? "none" : look.tone}${isBare ? " bare" : ""}`} data-status={status ?? "unknown"}>
      <Icon name={look.icon} spins={status === "running" && !isStale} />
      {look.word}
      {isFlaky && <FlakyMark />}
      {isStale && <span title="Nobody has heard of it for too long to believe this">?</span>}
    </span>
  );
}

export function IncidentPill({ status }: { status: Incident["status"] }): ReactElement {
  const look = incidentLook(status);
  return (
    <span className={`pill tone-${look.tone}`}>
      <Icon name={look.icon} />
      {look.word}
    </span>
  );
}

export function FlakyMark(): ReactElement {
  return (
    <span title="Flaky: the same commit failed and passed">
      <Icon name="flask" words="flaky" />
    </span>
  );
}
