/** What may be older than it looks is grey and says so: a clock, a word, and why. */
import type { ReactElement } from "react";
import { Icon } from "~/ui/icon";
import "./stale.css";

/** For the row it stands in. */
export const STALE_ROW = "stale-row";

/** `reason`: as `useStale` gives it; undefined: nothing is shown. */
export function StaleMark({ reason }: { reason: string | undefined }): ReactElement | null {
  if (reason === undefined) return null;
  return (
    <small className="tag late stale-mark" title={`May be older than it looks: ${reason}`}>
      <Icon name="clock" /> stale
    </small>
  );
}
