/** Shapes of answers that this view alone asks for. */
import type { components } from "~/api/schema";

export type CollectorErrors = components["schemas"]["CollectorErrors"];
export type CollectorError = components["schemas"]["CollectorError"];
export type Reconciliation = components["schemas"]["Reconciliation"];
export type ReconciledSource = components["schemas"]["ReconciledSource"];
export type ReconciledInstance = components["schemas"]["ReconciledInstance"];
export type Triggered = components["schemas"]["Triggered"];
export type Budget = NonNullable<components["schemas"]["Source"]["budget"]>;
export type Backfill = NonNullable<components["schemas"]["Source"]["backfill"]>;
