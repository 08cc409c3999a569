/** An incident in three sentences: since when, since what, and how it goes on. */
import type { ReactElement } from "react";
import type { OneIncident } from "~/api/types";
import { often } from "~/lib/incident";
import { duration } from "~/lib/time";
import { BuildName } from "~/ui/build_name";
import { Instant } from "~/ui/instant";

export function Story({ incident }: { incident: OneIncident }): ReactElement {
  return (
    <p className="incident-story">
      It broke <Instant at={incident.opened_at} /> with{" "}
      <BuildName id={incident.first_bad_build_id} build={incident.first_bad} attempt={incident.first_bad_attempt} />
      <Before incident={incident} />
      <Ending incident={incident} />
    </p>
  );
}

function Before({ incident: { last_good: lastGood, last_good_build_id: id } }: { incident: OneIncident }): ReactElement {
  if (id === null) return <>; nobody saw it pass here before. </>;
  return <>, after <BuildName id={id} build={lastGood} attempt={null} /> had passed. </>;
}

function Ending({ incident }: { incident: OneIncident }): ReactElement {
  const { fixed_by_build_id: id, fixed_by: build, fixed_by_attempt: attempt } = incident;
  if (id === null) return <SoFar incident={incident} />;
  const failed = `failed ${often(incident.failures)}`;
  const took = duration(incident.duration_seconds);
  if (id === incident.last_bad_build_id) return <>It {failed}; then the same build passed in attempt {attempt}, after {took}.</>;
  return <>It {failed}, until <BuildName id={id} build={build} attempt={attempt} /> fixed it after {took}.</>;
}

/** While it is open: built again and failed is another thing than no result since. */
function SoFar({ incident: { failures, status, last_failed_at: last } }: { incident: OneIncident }): ReactElement {
  const again = failures > 1 && <>It was built again and failed, {often(failures)} in all, last <Instant at={last} /></>;
  if (status === "flapping") return <>{again || "It has failed once"}; three passes in a row would end it.</>;
  if (failures > 1) return <>{again}; nothing has passed since.</>;
  return <>Since then no build of this branch has passed or failed: nobody built it again, or not to an end.</>;
}
