/** Asks for a key once: it is traded for a cookie that no script can read, and what was wished for goes on. */
import { useState, type FormEvent, type ReactElement } from "react";
import { Copyable } from "~/ui/copy";
import { Icon } from "~/ui/icon";
import { Sheet } from "~/ui/sheet";
import { Failure } from "~/ui/states";
import { signIn } from "./session";
import "./session.css";

interface Props {
  what: string;
  /** What the key has to allow. */
  scope: string;
  refusal: string;
  run: () => Promise<void>;
  onClose: () => void;
}

export function KeySheet({ what, scope, refusal, run, onClose }: Props): ReactElement {
  const [key, setKey] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const go = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn(key.trim(), scope);
      await run();
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Sheet title={`A key is needed: ${what}`} onClose={onClose}>
      <form className="session-form" onSubmit={(event) => void go(event)}>
        <p className="quiet foreign">{refusal}</p>
        <label className="field">
          Key
          <input className="input mono" type="password" name="key" autoComplete="current-password" placeholder="bo_live_…" required value={key} onChange={(event) => setKey(event.target.value)} />
        </label>
        <p className="quiet">
          It is sent once and kept nowhere in this page: the server gives a session of 12 hours for it.
        </p>
        <Copyable label="Where the server runs, this makes one" text={`observatory key create NAME ${[...new Set(["read", scope])].map((one) => `--scope ${one}`).join(" ")}`} />
        {error !== null && <Failure error={error} />}
        <div className="row">
          <button type="submit" className="button primary" disabled={isBusy || key.trim() === ""}>
            <Icon name={isBusy ? "ring" : "key"} spins={isBusy} /> Sign in and go on
          </button>
          <button type="button" className="button plain" onClick={onClose}>Cancel</button>
        </div>
      </form>
    </Sheet>
  );
}
