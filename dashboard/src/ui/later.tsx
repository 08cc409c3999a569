/** What is not looked at first is drawn after what is. */
import { useDeferredValue, type ReactNode } from "react";

export function Later({ children }: { children: ReactNode }): ReactNode {
  return useDeferredValue(true, false) && children;
}
