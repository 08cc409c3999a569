/** What says the same stays the same object: nothing that hangs on it is worked out, drawn or begun anew. */
import { useState } from "react";

export function useSame<Item extends object>(now: Item, isSame: (one: Item, other: Item) => boolean): Item {
  const [kept, keep] = useState(now);
  if (kept === now || isSame(kept, now)) return kept;
  keep(now);
  return now;
}

export function isSameList<Item>(one: readonly Item[], other: readonly Item[]): boolean {
  return one.length === other.length && one.every((item, place) => item === other[place]);
}
