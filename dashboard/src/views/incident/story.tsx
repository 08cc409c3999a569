/** An incident in three sentences: since when, since what, and how it goes on. */
import type { ReactElement } from "react";
import type { Build, OneIncident } from "~/api/types";
import { duration } from "~/lib/time";
import { Instant } from "~/ui/instant";
import { ViewLink } from "~/ui/view_link";
import { often } from "./standing";

export function Story({ incident }: { incident: OneIncident }): ReactElement {
  return (
    <p className="incident-story">
      It broke <Instant at={incident.opened_at} /> with <BuildName id={incident.first_bad_build_id} build={incident.first_bad} attempt={incident.first_bad_attempt} />
      {incident.last_good_build_id === null ? "; nobody saw it pass here before. " : <>, after <BuildName id={incident.last_good_build_id} build={incident.last_good} attempt={1} /> had passed. </>}
      <Ending incident={incident} />
    </p>
  );
}

function Ending({ incident }: { incident: OneIncident }): ReactElement {
  const failed = `failed ${often(incident.failures)}`;
  if (incident.fixed_by_build_id === null) return <>It has {failed} and nothing has passed since.</>;
  const took = duration(incident.duration_seconds);
  if (incident.fixed_by_build_id === incident.last_bad_build_id) return <>It {failed}; then the same build passed in attempt {incident.fixed_by_attempt}, after {took}.</>;
  return <>It {failed}, until <BuildName id={incident.fixed_by_build_id} build={incident.fixed_by} attempt={incident.fixed_by_attempt ?? 1} /> fixed it after {took}.</>;
}

interface NameProps {
  id: number;
  /** Null where it was deleted since, or is not known here. */
  build: Build | null | undefined;
  attempt: number;
}

export function BuildName({ id, build, attempt }: NameProps): ReactElement {
  const name = build?.number == null ? `build ${id}` : `build #${build.number}`;
  const words = attempt > 1 ? `${name}, attempt ${attempt}` : name;
  return build === null ? <span>{words} (deleted since)</span> : <ViewLink to={`/builds/${id}`} also={attempt > 1 ? { attempt: String(attempt) } : undefined}>{words}</ViewLink>;
}
