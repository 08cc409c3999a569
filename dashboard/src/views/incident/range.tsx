/** From the last good build to the end, as stations on a line. */
import type { ReactElement, ReactNode } from "react";
import type { Build, OneIncident } from "~/api/types";
import { count } from "~/lib/numbers";
import { providerName } from "~/lib/provider";
import type { IconName, Tone } from "~/lib/status";
import { duration } from "~/lib/time";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Outside } from "~/ui/outside";
import { brokenFor } from "./standing";
import { BuildName } from "./story";

export function Range({ incident }: { incident: OneIncident }): ReactElement {
  const isOnce = incident.last_bad_build_id === incident.first_bad_build_id && incident.last_bad_attempt === incident.first_bad_attempt;
  return (
    <ol className="incident-range" aria-label="From good to bad">
      {incident.last_good_build_id === null
        ? <Station tone="none" icon="question" title="Last good"><span className="quiet">none that was seen</span></Station>
        : <BuildStation tone="good" icon="check" title="Last good" id={incident.last_good_build_id} attempt={incident.last_good_attempt} build={incident.last_good} />}
      <Between>{incident.commits.length === 0 ? "commits unknown" : `${count(incident.commits.length, "commit")}${incident.has_all_commits ? "" : " at least"}`}</Between>
      <BuildStation tone="bad" icon="cross" title="First bad" id={incident.first_bad_build_id} attempt={incident.first_bad_attempt} build={incident.first_bad} />
      {!isOnce && (
        <>
          <Between isBad>{count(incident.failures, "failure")}</Between>
          <BuildStation tone="bad" icon="cross" title="Last bad" id={incident.last_bad_build_id} attempt={incident.last_bad_attempt} build={incident.last_bad} />
        </>
      )}
      <Between isBad={incident.fixed_at === null}>{incident.fixed_at === null ? "still broken" : `${duration(brokenFor(incident, 0))} in all`}</Between>
      {incident.fixed_by_build_id === null
        ? <Station tone="none" icon="dots" title="Fixed by"><span className="quiet">nothing yet</span></Station>
        : <BuildStation tone="good" icon="check" title="Fixed by" id={incident.fixed_by_build_id} attempt={incident.fixed_by_attempt} build={incident.fixed_by} />}
    </ol>
  );
}

interface BuildStationProps {
  tone: Tone;
  icon: IconName;
  title: string;
  id: number;
  attempt: number | null;
  build: Build | null;
}

function BuildStation({ id, attempt, build, ...look }: BuildStationProps): ReactElement {
  return (
    <Station {...look}>
      <span className="row tight"><BuildName id={id} build={build} attempt={attempt ?? 1} /><Outside url={build?.web_url} words={build === null ? "" : `Open at ${providerName(build.provider)}`} /></span>
      {build !== null && <small className="quiet"><Instant at={build.finished_at ?? build.queued_at} /></small>}
    </Station>
  );
}

function Station({ tone, icon, title, children }: { tone: Tone; icon: IconName; title: string; children: ReactNode }): ReactElement {
  return (
    <li className={`incident-station tone-${tone}`}>
      <span className="incident-dot"><Icon name={icon} /></span>
      <span className="incident-station-words"><small>{title}</small>{children}</span>
    </li>
  );
}

function Between({ isBad = false, children }: { isBad?: boolean; children: ReactNode }): ReactElement {
  return <li className="incident-between" data-bad={isBad || undefined}><small>{children}</small></li>;
}
