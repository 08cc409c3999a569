/** Builds as they change, the newest change on top. */
import { memo, useEffect, useState, type ReactElement } from "react";
import type { Query } from "~/api/request";
import { fits } from "~/builds/filter";
import { laterOf } from "~/builds/order";
import { useGet } from "~/api/use";
import type { Build, Builds } from "~/api/types";
import { onBatch } from "~/live/store";
import { Instant } from "~/ui/instant";
import { Panel } from "~/ui/panel";
import { StatusPill } from "~/ui/pill";
import { Answered, Blank } from "~/ui/states";
import { ViewLink } from "~/ui/view_link";

const MOST = 50;

export function Stream({ query }: { query: Query }): ReactElement {
  const newest = useGet<Builds>("/api/builds", { ...query, limit: 20 });
  const { changed, gone } = useLive(query);
  return (
    <Panel title="Live" aside="the newest change on top" isFlush className="waterfall-stream">
      <Answered of={newest} rows={10}>
        {({ builds }) => {
          const answered = new Map(builds.map((build) => [build.id, build]));
          const known = new Set(changed.map((build) => build.id));
          const latest = changed.map((build) => laterOf(build, answered.get(build.id) ?? build));
          const all = [...latest, ...builds.filter(({ id }) => !known.has(id) && !gone.has(id))].slice(0, MOST);
          if (all.length === 0) return <Blank icon="pulse" title="Quiet">What is built next appears here.</Blank>;
          return <ol>{all.map((build) => <Entry key={build.id} build={build} />)}</ol>;
        }}
      </Answered>
    </Panel>
  );
}

/** A change of one build draws no other. */
const Entry = memo(function Entry({ build }: { build: Build }): ReactElement {
  return (
    <li>
      <StatusPill status={build.status} isBare isStale={build.stale_since !== null} />
      <ViewLink to={`/builds/${build.id}`} className="clip foreign">{build.pipeline_name}</ViewLink>
      <small className="quiet clip"><span className="foreign">{build.branch}</span></small>
      <small className="quiet"><Instant at={build.recorded_at} /></small>
    </li>
  );
});

interface Heard {
  /** The builds of this scope that changed since the view was opened, the last change first. */
  changed: readonly Build[];
  /** Deleted since then. */
  gone: ReadonlySet<number>;
}

const NOTHING: Heard = { changed: [], gone: new Set() };

function useLive(query: Query): Heard {
  const asked = JSON.stringify(query);
  const [kept, setKept] = useState({ asked, heard: NOTHING });
  useEffect(
    () =>
      onBatch(({ builds, gone }) => {
        const mine = [...builds.values()].filter((build) => fits(build, query) === "yes").toReversed();
        if (mine.length === 0 && gone.size === 0) return;
        setKept((before) => {
          const heard = before.asked === asked ? before.heard : NOTHING;
          const others = heard.changed.filter(({ id }) => !builds.has(id) && !gone.has(id));
          return { asked, heard: { changed: [...mine, ...others].slice(0, MOST), gone: gone.size === 0 ? heard.gone : new Set([...heard.gone, ...gone]) } };
        });
      }),
    // oxlint-disable-next-line react/exhaustive-deps -- the query is the same while its text is
    [asked],
  );
  return kept.asked === asked ? kept.heard : NOTHING;
}
