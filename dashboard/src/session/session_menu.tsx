/** Who this browser acts as, and the way out. Nothing where nobody has signed in. */
import { useState, type ReactElement } from "react";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import { Menu } from "~/ui/menu";
import { Failure } from "~/ui/states";
import { signOut, useSession } from "./session";
import "./session.css";

export function SessionMenu(): ReactElement | null {
  const session = useSession();
  const [error, setError] = useState<unknown>(null);
  if (session === null) return null;
  return (
    <Menu label={<><Icon name="key" /> <span className="session-name clip foreign">{session.name}</span></>} className="button">
      <div className="session-about">
        <dl className="facts">
          <dt>Key</dt><dd className="foreign">{session.name}</dd>
          <dt>May</dt><dd className="foreign">{session.scopes.join(", ")}</dd>
          <dt>Ends</dt><dd><Instant at={session.expires_at} /></dd>
        </dl>
        {error !== null && <Failure error={error} />}
        <button type="button" className="button" onClick={() => void signOut().catch(setError)}>Sign out</button>
      </div>
    </Menu>
  );
}
