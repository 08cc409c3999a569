/** The clock by the second, for what runs while somebody looks; the page's slow clock else. */
import { useEffect, useState } from "react";
import { useNow } from "~/state/now";

export function useSeconds(isOn: boolean): number {
  const slow = useNow();
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isOn) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now());
    }, 1000);
    return () => clearInterval(timer);
  }, [isOn]);
  return isOn ? Math.max(now, slow) : slow;
}
