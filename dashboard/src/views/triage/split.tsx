/** A list at the side and what is looked at beside it; where there is room for one, the one or the other. */
import { useEffect, useRef, type ReactElement, type ReactNode } from "react";
import { useParameters } from "~/state/url";
import { useShortcuts } from "~/state/keys";
import { Icon } from "~/ui/icon";
import { stepped } from "./choose";
import { focusCurrent } from "./side_list";

export type Named = "incident" | "job";

interface SplitProps {
  isChosen: boolean;
  list: ReactNode;
  children: ReactNode;
}

export function Split({ isChosen, list, children }: SplitProps): ReactElement {
  return (
    <div className="triage-split" data-chosen={isChosen || undefined}>
      <div className="panel triage-panel">{list}</div>
      {children}
    </div>
  );
}

/** Another one begins at its top, however far the one before was read: to be keyed by what it shows. */
export function Detail({ children }: { children: ReactNode }): ReactElement {
  const detail = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (detail.current !== null && detail.current.getBoundingClientRect().top < 0) detail.current.scrollIntoView({ block: "start" });
  }, []);
  return <div ref={detail} className="triage-detail incident-body">{children}</div>;
}

type Step = (by: 1 | -1) => void;

/** Keys that lead from one to the next; what is fixed meanwhile leaves the list, and the next one takes its place. */
export function useSteps(name: Named, keys: readonly string[], chosen: string | null, words: string): Step {
  const { set } = useParameters();
  const lastPlace = useRef(0);
  const place = chosen === null ? 0 : keys.indexOf(chosen);
  useEffect(() => {
    if (place >= 0) lastPlace.current = place;
  }, [place]);
  const step: Step = (by) => {
    const next = stepped(keys, chosen ?? keys[0] ?? null, lastPlace.current, by);
    if (next === null) return;
    set({ [name]: next }, { replace: true });
    focusCurrent();
  };
  useShortcuts([
    { keys: ["n"], words: `Next ${words}`, group: "Triage", run: () => step(1) },
    { keys: ["p"], words: `Previous ${words}`, group: "Triage", run: () => step(-1) },
  ]);
  return step;
}

interface StepsProps {
  step: Step;
  /** -1 where it is not in the list any more. */
  place: number;
  length: number;
  isChosen: boolean;
  name: Named;
}

export function Steps({ step, place, length, isChosen, name }: StepsProps): ReactElement {
  const { set } = useParameters();
  return (
    <div className="triage-steps" data-chosen={isChosen || undefined}>
      <button type="button" className="button triage-back" onClick={() => set({ [name]: null })}><Icon name="left" /> All</button>
      <small className="quiet push">{place < 0 ? "no longer in the list" : `${place + 1} of ${length}`}</small>
      <button type="button" className="button" disabled={place === 0 || length === 0} onClick={() => step(-1)}><Icon name="up" /> Previous <kbd>p</kbd></button>
      <button type="button" className="button" disabled={place === length - 1} onClick={() => step(1)}><Icon name="down" /> Next <kbd>n</kbd></button>
    </div>
  );
}
