/** Why the page should not be believed as it stands: no answers, no key, nobody who collects, sources that are silent. */
import { useCallback, useEffect, useState, type ReactElement } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { MOST_PAGES, useAll } from "~/api/use_pages";
import type { Source, Sources } from "~/api/types";
import { count } from "~/lib/numbers";
import { tryNow } from "~/live/connection";
import { useReach, type Reach } from "~/live/reach";
import { useLink } from "~/live/store";
import { ago, exact } from "~/lib/time";
import { useIsOutdated } from "~/offline/register";
import { KeySheet } from "~/session/key_sheet";
import { useNow } from "~/state/now";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { ViewLink } from "~/ui/view_link";
import { staleOf } from "./stale";

/** A server that has just come back is not asked by all pages in the same moment. */
export const BREATH_MS = 2_000;

export function Freshness(): ReactElement {
  const reach = useReach();
  return (
    <>
      <NewVersion />
      {reach.state === "silent" && <Offline reach={reach} />}
      {reach.state === "returning" && <Returning />}
      {reach.state === "refuses" && <Locked />}
      {reach.state === "answers" && <Collected />}
    </>
  );
}

function NewVersion(): ReactElement | null {
  if (!useIsOutdated()) return null;
  return (
    <p className="notice tone-busy" role="status">
      <Icon name="info" />
      <span>A new version of this page is there.</span>
      <button type="button" className="button push" onClick={() => window.location.reload()}>Load it</button>
    </p>
  );
}

function Offline({ reach }: { reach: Reach }): ReactElement {
  const client = useQueryClient();
  const now = useNow();
  const at = reach.keptAt ?? (reach.answeredAt === null ? null : new Date(reach.answeredAt).toISOString());
  const again = useCallback((): void => {
    tryNow();
    void client.invalidateQueries();
  }, [client]);
  // The stream may have outlived the cut: then nobody else notices that answers would come again.
  useEffect(() => {
    window.addEventListener("online", again);
    return () => window.removeEventListener("online", again);
  }, [again]);
  // Or it came back first. One that was there all along says nothing of the answers.
  const [shownAt] = useState(Date.now);
  const { state, since } = useLink();
  const isBack = state === "live" && since > shownAt;
  useEffect(() => {
    if (!isBack) return;
    const timer = setTimeout(again, BREATH_MS * (1 + Math.random()));
    return () => clearTimeout(timer);
  }, [isBack, again]);
  return (
    <p className="notice tone-bad" role="alert" data-offline>
      <Icon name="offline" />
      <span>
        <strong>{navigator.onLine ? "The server cannot be reached" : "Offline"}</strong>
        {at === null ? ": nothing was kept to show meanwhile." : <>: data of <time dateTime={at} title={exact(at)}>{new Date(at).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })}</time> ({ago(at, now)}).</>}
      </span>
      <button type="button" className="button push" onClick={again}>Try now</button>
    </p>
  );
}

function Returning(): ReactElement {
  return (
    <p className="notice tone-late" role="status" data-returning>
      <Icon name="refresh" />
      <span><strong>The server answers again.</strong> What is shown may be from before until all of it has been asked for again.</span>
    </p>
  );
}

function Locked(): ReactElement {
  const client = useQueryClient();
  const [isAsking, ask] = useState(false);
  const run = async (): Promise<void> => {
    await client.invalidateQueries();
    tryNow();
  };
  return (
    <>
      <p className="notice tone-late" role="alert">
        <Icon name="key" />
        <span><strong>A key is needed to read here.</strong> What is shown may be from before.</span>
        <button type="button" className="button push" onClick={() => ask(true)}>Sign in</button>
      </p>
      {isAsking && <KeySheet what="reading builds" scope="read" refusal="The server shows builds only to those who have a key with the scope read." run={run} onClose={() => ask(false)} />}
    </>
  );
}

function Collected(): ReactElement | null {
  const { trouble } = useLink();
  const sources = useAll<Sources>("/api/sources", {}, { most: MOST_PAGES, refetchInterval: 30_000 });
  const { named, more } = staleOf(sources.data?.pages.flatMap((page) => page.sources) ?? []);
  return (
    <>
      {trouble !== null && (
        <p className="notice tone-bad" role="alert" data-trouble>
          <Icon name="alert" />
          <span className="foreign">{trouble.words}</span>
        </p>
      )}
      {named.length > 0 && trouble?.isSilence !== true && <Stale named={named} more={more} />}
    </>
  );
}

function Stale({ named, more }: { named: readonly Source[]; more: number }): ReactElement {
  return (
    <div className="notice tone-late" role="status" data-stale>
      <Icon name="clock" />
      <div>
        {named.map((source) => (
          <p key={source.id}>
            <strong className="foreign">{source.scope}</strong> may be older than it looks: <span className="foreign">{source.stale_reason}</span>; last heard of <Instant at={source.last_contact_at} none="never" />.
          </p>
        ))}
        <p>{more > 0 && `So may ${count(more, "more source")}. `}<ViewLink to="/sources">See the sources</ViewLink></p>
      </div>
    </div>
  );
}
