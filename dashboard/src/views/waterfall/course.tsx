/** Beside the figures, how they came about. */
import { useSyncExternalStore, type ReactElement } from "react";
import type { Overview } from "~/api/types";
import { flagOr, usePreference } from "~/state/preferences";
import { Icon } from "~/ui/icon";
import { Charts } from "./charts";

interface Props {
  /** Undefined: it is awaited. */
  overview: Overview | undefined;
  /** Which window. */
  words: string;
}

/** Where a window has no room for them beside the figures, the grid comes first: they are folded until they are asked for. */
export function Course({ overview, words }: Props): ReactElement {
  const isBeside = useSyncExternalStore(onWidth, () => BESIDE.matches);
  const [isUnfolded, unfold] = usePreference("waterfall.charts", flagOr(false));
  return (
    <section className="panel waterfall-course" aria-label="Outcomes and durations">
      {!isBeside && (
        <button type="button" aria-expanded={isUnfolded} onClick={() => unfold(!isUnfolded)}>
          <Icon name="pulse" /> Outcomes and durations <Icon name={isUnfolded ? "up" : "down"} />
        </button>
      )}
      {(isBeside || isUnfolded) && (
        <div className="waterfall-charts"><Charts overview={overview} words={words} /></div>
      )}
    </section>
  );
}

/** waterfall.css has the same. */
const BESIDE = window.matchMedia("(min-width: 76rem)");

function onWidth(listener: () => void): () => void {
  BESIDE.addEventListener("change", listener);
  return () => BESIDE.removeEventListener("change", listener);
}
