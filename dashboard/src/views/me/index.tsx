/** What concerns one person: what runs, what waits, what broke and where to look. Nobody is compared with anybody. */
import { useMemo, type ReactElement } from "react";
import type { Query } from "~/api/request";
import type { Build } from "~/api/types";
import { BuildTable } from "~/builds/table";
import { BROKEN, OPEN } from "~/lib/status";
import { useStale } from "~/shell/use_stale";
import { useScope } from "~/state/scope";
import { Export } from "~/ui/export";
import { Panel } from "~/ui/panel";
import { Former, Older } from "~/ui/states";
import { UsualDurations } from "./durations_panel";
import { Short } from "./lists";
import { useNames } from "./names";
import { placeOf, suspects } from "./places";
import { Reasons } from "./reasons_panel";
import { useLatest, useNewest, useNews, type Newest } from "./use_mine";
import { Nobody, Who } from "./who";
import "./me.css";

export default function View(): ReactElement {
  const names = useNames();
  return (
    <div className="me">
      <h1 className="visually-hidden">My builds</h1>
      {names.author === null ? <Nobody names={names} /> : <Who names={names} />}
      {names.author !== null && <Mine author={names.author} names={names.names} />}
    </div>
  );
}

function Mine({ author, names }: { author: string; names: readonly string[] }): ReactElement {
  const { query, frame } = useScope();
  const asked = useMemo<Query>(() => ({ ...query, author }), [query, author]);
  const all = useMemo<Query>(() => ({ ...asked, since: frame.since, until: frame.until }), [asked, frame]);
  const open = useNewest(useMemo(() => ({ ...asked, status: "running,queued,blocked" }), [asked]));
  const recent = useNewest(asked);
  const stale = useStale();
  useNews(names);
  const running = open.builds?.filter(({ status }) => OPEN.has(status) && status !== "blocked").toSorted(runningFirst);
  const waiting = open.builds?.filter(({ status }) => status === "blocked");
  return (
    <div className="me-columns">
      <div className="stack">
        <Panel title="In progress" aside={counted(running)} isFlush>
          <Older of={open.standing} />
          <Former of={open.standing}><Short builds={running} error={open.error} again={open.again} stale={stale} none="Nothing of yours is running or queued." /></Former>
        </Panel>
        <Former of={recent.standing}>
          <Reasons mine={recent} />
          <UsualDurations mine={recent} author={author} />
        </Former>
      </div>
      <div className="stack">
        <Broken mine={recent} names={names} stale={stale} />
        <Panel title="Waiting for approval" aside={counted(waiting)} isFlush>
          <Older of={open.standing} />
          <Former of={open.standing}><Short builds={waiting} error={open.error} again={open.again} stale={stale} none="Nothing of yours waits for anybody’s word." /></Former>
        </Panel>
      </div>
      <div className="me-all">
        <Panel title="All my builds" aside={frame.words} actions={<Export words="builds" lists={[{ name: "builds", path: "/api/builds", query: all }]} note="All your builds of this window, not only those in sight." />} isFlush>
          <BuildTable query={all} none="You built nothing in this window of time." />
        </Panel>
      </div>
    </div>
  );
}

interface BrokenProps {
  mine: Newest;
  names: readonly string[];
  stale: ReturnType<typeof useStale>;
}

/** Where my newest build failed and nobody has made it pass since. */
function Broken({ mine, names, stale }: BrokenProps): ReactElement {
  const places = useMemo(() => suspects(mine.builds ?? []), [mine.builds]);
  const { latest, isAll, ...asked } = useLatest(places);
  const { error, again } = mine.builds === undefined ? mine : asked;
  const broken = mine.builds === undefined || !isAll ? undefined : places.map((place) => latest.get(placeOf(place)) ?? place).filter(({ status }) => BROKEN.has(status));
  const others = (build: Build): ReactElement | undefined =>
    build.author !== null && !names.includes(build.author) ? <span title="Whose build failed last">by <span className="foreign">{build.author}</span></span> : undefined;
  return (
    <Panel title="My broken branches" aside={counted(broken)} isFlush>
      <Older of={mine.standing} />
      <Former of={mine.standing}><Short builds={broken} error={error} again={again} stale={stale} aside={others} none="Every branch you built lately is green." /></Former>
    </Panel>
  );
}

function runningFirst(one: Build, other: Build): number {
  return Number(other.status === "running") - Number(one.status === "running");
}

function counted(builds: readonly Build[] | undefined): string | undefined {
  return builds === undefined || builds.length === 0 ? undefined : String(builds.length);
}
