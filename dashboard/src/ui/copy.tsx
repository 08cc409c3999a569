/** A text to take elsewhere: shown whole, selected by a click, copied by a button. */
import { useEffect, useRef, useState, type ReactElement } from "react";
import { Icon } from "./icon";

const SAID_MS = 2_000;

export function Copyable({ label, text }: { label: string; text: string }): ReactElement {
  const field = useRef<HTMLInputElement>(null);
  const [said, say] = useState<string | null>(null);
  useEffect(() => {
    if (said === null) return undefined;
    const timer = setTimeout(() => say(null), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async (): Promise<void> => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(text);
      say("Copied");
    } catch {
      say("Selected: press Ctrl+C"); // no clipboard without https
    }
  };
  return (
    <div className="copyable">
      <label className="field">
        {label}
        <input ref={field} className="input mono" readOnly value={text} onFocus={(event) => event.target.select()} />
      </label>
      <button type="button" className="button" onClick={() => void copy()} aria-label={`Copy: ${label}`}>
        {said !== null && <Icon name="check" />} {said ?? "Copy"}
      </button>
      <span className="visually-hidden" role="status">{said}</span>
    </div>
  );
}
