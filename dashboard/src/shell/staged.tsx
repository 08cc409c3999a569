/** A view in its place: drawn at once where its script is here, else as soon as it has come. */
import { useEffect, useReducer, useState, type ReactElement } from "react";
import { Loading } from "~/ui/states";
import { fetchView, type View } from "~/views";
import { Arrival } from "./arrival";

/** Not by Suspense: whatever follows something that was shown in its place is held back for 300 ms by React. */
export function Staged({ view, path }: { view: View; path: string }): ReactElement {
  const [, draw] = useReducer((times: number) => times + 1, 0);
  const [failure, fail] = useState<{ of: unknown } | null>(null);
  useEffect(() => {
    if (view.component === null) void fetchView(view).then(draw, (error: unknown) => fail({ of: error }));
  }, [view]);
  if (failure !== null) throw failure.of;
  const { component: Here } = view;
  return Here === null ? <Loading rows={6} /> : <><Here /><Arrival path={path} /></>;
}
