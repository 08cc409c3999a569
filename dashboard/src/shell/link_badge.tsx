/** Whether what happens is heard as it happens, and how well. */
import type { ReactElement } from "react";
import { tryNow } from "~/live/connection";
import { useLink, type Link } from "~/live/store";
import { useNow } from "~/state/now";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Menu } from "~/ui/menu";
import { delayed, lasting, lookOfLink } from "./link_words";

export function LinkBadge(): ReactElement {
  const link = useLink();
  const look = lookOfLink(link);
  const label = (
    <>
      {look.icon === null ? <span className="beat" aria-hidden="true" /> : <Icon name={look.icon} spins={link.state === "connecting"} />}
      <span data-link={link.state}>{look.word}</span>
    </>
  );
  return (
    <>
      <Menu className={`pill link tone-${look.tone}`} words={`${look.word}: details of the connection`} label={label}>
        <Details link={link} />
      </Menu>
      <span className="visually-hidden" role="status">{link.state === "live" ? "" : look.word}</span>
    </>
  );
}

function Details({ link }: { link: Link }): ReactElement {
  const now = useNow();
  const look = lookOfLink(link);
  return (
    <div className="link-details">
      <p><strong>{look.word}</strong> <span className="quiet">{lasting(link.since, now)}</span></p>
      <p className="quiet">{link.why ?? look.explained}</p>
      <dl className="facts">
        <dt>Last heard</dt>
        <dd>{link.heardAt === null ? "nothing yet" : <Instant at={new Date(link.heardAt).toISOString()} />}</dd>
        <dt>Delay</dt>
        <dd>{delayed(link.lagSeconds)}</dd>
        {link.retryAt !== null && (
          <>
            <dt>Next try</dt>
            <dd>{new Date(link.retryAt).toLocaleTimeString()}</dd>
          </>
        )}
      </dl>
      {link.state !== "live" && (
        <>
          <p className="quiet">What was missed is fetched when the connection is back. Until then the data is asked for every two minutes.</p>
          <button type="button" className="button" onClick={tryNow}><Icon name="refresh" /> Try now</button>
        </>
      )}
    </div>
  );
}
