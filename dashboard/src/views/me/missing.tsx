/** In place of what is not there: why it is not, or its shape while it is awaited. */
import type { ReactElement } from "react";
import { Failure, Loading } from "~/ui/states";

interface Props {
  error: unknown;
  again: () => void;
  rows: number;
}

export function Missing({ error, again, rows }: Props): ReactElement {
  return <div className="me-pad">{error === null ? <Loading rows={rows} /> : <Failure error={error} again={again} />}</div>;
}
