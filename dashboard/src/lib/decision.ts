/** What was decided about telling somebody, in a word. */
import type { RouteDecision } from "~/api/types";
import type { Look } from "./status";

const OUTCOMES: Readonly<Record<RouteDecision["outcome"], Look>> = {
  told: { word: "told", tone: "good", icon: "check" },
  queued: { word: "about to be told", tone: "busy", icon: "clock" },
  held: { word: "held back for now", tone: "held", icon: "hand" },
  suppressed: { word: "not told", tone: "none", icon: "slash" },
  dropped: { word: "not told any more", tone: "none", icon: "slash" },
  unmatched: { word: "not concerned", tone: "none", icon: "slash" },
};

export function outcomeLook(outcome: RouteDecision["outcome"]): Look {
  return OUTCOMES[outcome];
}
