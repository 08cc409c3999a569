"""Finished builds as OpenTelemetry has them: traces and metrics, sent on from the event log."""
