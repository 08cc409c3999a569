/** Shapes of answers that only incidents need. */
import type { components } from "~/api/schema";

export type IncidentEvent = components["schemas"]["IncidentEvent"];
export type Telling = components["schemas"]["Telling"];
