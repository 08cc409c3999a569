/** What stands in a cell. */
export const GLYPHS: Readonly<Record<string, string>> = {
  succeeded: "✓", failed: "✕", timed_out: "◷", running: "●", queued: "…", blocked: "‖", cancelled: "⊘", skipped: "»", unknown: "?",
};
