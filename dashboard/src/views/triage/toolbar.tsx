/** How failures are grouped, and what narrows the list. */
import type { ReactElement, ReactNode } from "react";
import type { Query } from "~/api/request";
import { whole } from "~/lib/numbers";
import { useParameters } from "~/state/url";
import { Export } from "~/ui/export";
import { Icon } from "~/ui/icon";

export type Grouping = "incidents" | "jobs" | "common";

export function groupingOf(text: string | null): Grouping {
  return text === "jobs" || text === "common" ? text : "incidents";
}

interface Props {
  grouping: Grouping;
  open: number | undefined;
  jobs: number | undefined;
  hasBranches: boolean;
  /** Of every incident that is open. */
  query: Query;
  /** What leads from one to the next. */
  children?: ReactNode;
}

export function Toolbar({ grouping, open, jobs, hasBranches, query, children }: Props): ReactElement {
  const { get, set } = useParameters();
  const to = (by: Grouping): void => set({ by: by === "incidents" ? null : by });
  const isAll = get("branches") === "all";
  return (
    <div className="triage-bar">
      <div className="segments" role="group" aria-label="Failures by">
        <button type="button" aria-pressed={grouping === "incidents"} onClick={() => to("incidents")}>Broken now<Count number={open} /></button>
        <button type="button" aria-pressed={grouping === "jobs"} onClick={() => to("jobs")}>By job<Count number={jobs} /></button>
        <button type="button" aria-pressed={grouping === "common"} onClick={() => to("common")}>In common</button>
      </div>
      {grouping !== "common" && (
        <label className="triage-search">
          <Icon name="search" />
          <span className="visually-hidden">Search</span>
          <input className="input" type="search" placeholder={grouping === "jobs" ? "Search jobs" : "Search pipeline, repository, branch"} value={get("q") ?? ""} onChange={(event) => set({ q: event.target.value || null }, { replace: true })} />
        </label>
      )}
      {grouping === "incidents" && hasBranches && (
        <div className="segments triage-branches" role="group" aria-label="Which branches">
          <button type="button" aria-pressed={!isAll} onClick={() => set({ branches: null })}>Default branches</button>
          <button type="button" aria-pressed={isAll} onClick={() => set({ branches: "all" })}>All</button>
        </div>
      )}
      {grouping === "incidents" && <Export words="incidents" lists={[{ name: "incidents", path: "/api/incidents", query }]} note="All that is broken on these branches, whatever is searched for; the newest first." />}
      {children}
    </div>
  );
}

function Count({ number }: { number: number | undefined }): ReactElement | null {
  return number === undefined ? null : <span className="triage-count">{whole(number)}</span>;
}
