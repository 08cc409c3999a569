/** Shapes of answers that this view alone asks for. */
import type { components } from "~/api/schema";

export type Groups = components["schemas"]["Groups"];
export type Flaky = components["schemas"]["Flaky"];
export type Slowdowns = components["schemas"]["Slowdowns"];
