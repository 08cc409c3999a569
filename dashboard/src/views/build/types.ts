/** Shapes of answers that this view alone asks for. */
import type { components } from "~/api/schema";

export type BuildChanges = components["schemas"]["BuildChanges"];
export type RelatedBuild = components["schemas"]["RelatedBuild"];
