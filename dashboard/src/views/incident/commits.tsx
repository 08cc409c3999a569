/** What came in between the last good build and the first bad one. */
import { useState, type ReactElement } from "react";
import { address } from "~/api/request";
import type { Commit, OneIncident } from "~/api/types";
import { BuildsLink } from "~/builds/builds_link";
import { count } from "~/lib/numbers";
import { CommitPage } from "~/ui/commit_page";
import { Instant } from "~/ui/instant";

const FEW = 8;

export function Commits({ incident }: { incident: OneIncident }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const { commits, commits_reason: reason } = incident;
  const shown = isOpen ? commits : commits.slice(0, FEW);
  return (
    <>
      {commits.length > 0 && <ol className="incident-commits">
        {shown.map((commit) => <Row key={commit.sha} commit={commit} incident={incident} />)}
      </ol>}
      {commits.length > FEW && (
        <button type="button" className="button plain incident-more" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? "Only the newest" : `${commits.length - FEW} more`}
        </button>
      )}
      {reason !== null && <p className="quiet incident-reason">{commits.length > 0 ? "Some are missing" : "None are known"}: {reason}.</p>}
      {commits.length === 0 && reason === null && <p className="quiet incident-reason">None: the same commit passed before, so something around it changed.</p>}
    </>
  );
}

export function commitsAside(incident: OneIncident): string | undefined {
  const { length } = incident.commits;
  return length === 0 ? undefined : `${count(length, "commit")}${incident.has_all_commits ? "" : " at least"}, newest first`;
}

function Row({ commit, incident }: { commit: Commit; incident: OneIncident }): ReactElement {
  const { repository, first_bad: firstBad } = incident;
  const message = commit.message?.split("\n", 1)[0] ?? "";
  const builds = address("/api/builds", { commit_sha: commit.sha, repository: repository === null ? null : [repository] });
  const built = firstBad ?? incident.last_good;
  return (
    <li>
      <span className="clip foreign" title={commit.message ?? undefined}>{message === "" ? <span className="quiet">No message</span> : message}</span>
      <small className="quiet incident-commit">
        <BuildsLink link={builds} title={`Every build of ${commit.sha}`}><code>{commit.sha.slice(0, 7)}</code></BuildsLink>
        {built !== null && <CommitPage build={built} sha={commit.sha} />}
        <span className="foreign clip">{commit.author ?? "unknown"}</span>
        <Instant at={commit.committed_at} />
        {commit.sha === firstBad?.commit_sha && <span className="tag bad">first bad build</span>}
      </small>
    </li>
  );
}
