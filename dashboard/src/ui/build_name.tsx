/** A build by its number, and by its attempt where it is not the first; leads there. */
import type { ReactElement } from "react";
import type { Build } from "~/api/types";
import { ViewLink } from "./view_link";

interface Props {
  id: number;
  /** Null where it was deleted since. */
  build: Pick<Build, "number"> | null;
  /** Null stands for the first. */
  attempt: number | null;
  /** The build that is looked at, which needs no link. */
  here?: number;
}

export function BuildName({ id, build, attempt, here }: Props): ReactElement {
  const isAgain = attempt !== null && attempt > 1;
  const again = isAgain ? `, attempt ${attempt}` : "";
  if (id === here) return <strong>this build{again}</strong>;
  const words = `build ${build?.number == null ? id : `#${build.number}`}${again}`;
  if (build === null) return <span>{words} (deleted since)</span>;
  return <ViewLink to={`/builds/${id}`} also={isAgain ? { attempt: String(attempt) } : undefined}>{words}</ViewLink>;
}
