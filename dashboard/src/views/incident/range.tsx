/** From the last good build to the end, as stations on a line. */
import type { ReactElement, ReactNode } from "react";
import type { Build, OneIncident } from "~/api/types";
import { brokenFor } from "~/lib/incident";
import { count } from "~/lib/numbers";
import { providerName } from "~/lib/provider";
import type { IconName, Tone } from "~/lib/status";
import { duration } from "~/lib/time";
import { BuildName } from "~/ui/build_name";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Outside } from "~/ui/outside";

export function Range({ incident }: { incident: OneIncident }): ReactElement {
  const { first_bad_build_id: first, last_bad_build_id: last, last_good_build_id: good, fixed_by_build_id: fix } = incident;
  const isOnce = last === first && incident.last_bad_attempt === incident.first_bad_attempt;
  const lasted = incident.fixed_at === null ? "still broken" : `${duration(brokenFor(incident, 0))} in all`;
  return (
    <ol className="incident-range" aria-label="From good to bad">
      {good === null
        ? <Station tone="none" icon="question" title="Last good"><span className="quiet">none that was seen</span></Station>
        : <BuildStation {...GOOD} title="Last good" id={good} attempt={incident.last_good_attempt} build={incident.last_good} />}
      <Between>{commitsBetween(incident)}</Between>
      <BuildStation {...BAD} title="First bad" id={first} attempt={incident.first_bad_attempt} build={incident.first_bad} />
      {!isOnce && (
        <>
          <Between isBad>{count(incident.failures, "failure")}</Between>
          <BuildStation {...BAD} title="Last bad" id={last} attempt={incident.last_bad_attempt} build={incident.last_bad} />
        </>
      )}
      <Between isBad={incident.fixed_at === null}>{lasted}</Between>
      {fix === null
        ? <Station tone="none" icon="dots" title="Fixed by"><span className="quiet">nothing yet</span></Station>
        : <BuildStation {...GOOD} title="Fixed by" id={fix} attempt={incident.fixed_by_attempt} build={incident.fixed_by} />}
    </ol>
  );
}

const GOOD = { tone: "good", icon: "check" } as const;
const BAD = { tone: "bad", icon: "cross" } as const;

function commitsBetween({ commits, has_all_commits: isAll }: OneIncident): string {
  return commits.length === 0 ? "commits unknown" : `${count(commits.length, "commit")}${isAll ? "" : " at least"}`;
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
      <span className="row tight">
        <BuildName id={id} build={build} attempt={attempt} />
        {build !== null && <Outside url={build.web_url} words={`Open at ${providerName(build.provider)}`} />}
      </span>
      {build !== null && <small className="quiet"><Instant at={build.finished_at ?? build.queued_at} /></small>}
    </Station>
  );
}

interface StationProps {
  tone: Tone;
  icon: IconName;
  title: string;
  children: ReactNode;
}

function Station({ tone, icon, title, children }: StationProps): ReactElement {
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
