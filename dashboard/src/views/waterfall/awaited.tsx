/** What stands where figures and charts are to come, as large as they will be. */
import type { ReactElement } from "react";

export const NAMES = ["Success rate", "Median duration", "Time to green", "Active"] as const;

export function AwaitedCards(): ReactElement {
  return (
    <div className="waterfall-cards">
      {NAMES.map((name) => <div key={name} className="panel"><span className="quiet clip">{name}</span><span className="skeleton" /><span className="skeleton" /></div>)}
    </div>
  );
}

export function AwaitedCharts(): ReactElement {
  return <span className="skeleton" role="status" aria-label="Loading outcomes and durations" />;
}
