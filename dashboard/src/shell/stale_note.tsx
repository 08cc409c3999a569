/** What was counted or told of sources that may be older than it looks: which, since when, and why. */
import type { ReactElement, ReactNode } from "react";
import type { StaleSource } from "~/api/types";
import { count } from "~/lib/numbers";
import { Icon } from "~/ui/icon";
import { Instant } from "~/ui/instant";
import "./stale.css";

/** Of figures and lists. */
export const LACKING = "what is shown here may lack the latest builds";

interface Props {
  /** As an answer names those that it depends on; of several pages each may be named several times. */
  of: readonly StaleSource[];
  /** The only one that matters, where that is known; null: what is shown comes of none. */
  source?: number | null;
  /** What that means for what is shown, without a full stop. */
  children?: ReactNode;
}

/** The one that has been silent longest by name, the others by number; nothing where there are none. */
export function StaleNote({ of, source: only, children = LACKING }: Props): ReactElement | null {
  const sources = new Map(of.filter(({ id }) => only === undefined || id === only).map((source) => [source.id, source]));
  const [first] = [...sources.values()].toSorted((one, other) => heardAt(one) - heardAt(other));
  if (first === undefined) return null;
  return (
    <p className="stale-note" role="status">
      <span className="tag late" title={first.reason}><Icon name="clock" /> stale</span>
      <span>
        <strong className="foreign">{first.scope}</strong> was last heard of <Instant at={first.last_contact_at} none="never" />
        {sources.size > 1 && ` (${count(sources.size - 1, "more source")} may be older as well)`}: {children}.
      </span>
    </p>
  );
}

function heardAt({ last_contact_at: at }: StaleSource): number {
  return at === null ? 0 : Date.parse(at);
}
