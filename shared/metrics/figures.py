"""A span's totals as figures: rates with what they count and leave out, durations, waits; pure."""

from collections.abc import Mapping

from shared.metrics.flaky_rate import flaky_rate
from shared.metrics.totals import Spread, Totals, seconds_at
from shared.rows import Row
from shared.status import BROKEN, VERDICTS, CancelReason, Status

PERCENTS = (50, 90, 95, 99)

OPEN = (Status.QUEUED, Status.BLOCKED, Status.RUNNING)


def figures_of(totals: Totals, open_builds: Mapping[Status, int], hours: float) -> Row:
    """Figures of a span; rates are None where nothing has a verdict.

    `open_builds` are those of the span that are not finished, by status; `hours` is how much of it has passed.
    """
    counts = {str(status): totals.by_status[status] + open_builds.get(status, 0) for status in Status}
    builds, verdicts, broken = sum(counts.values()), totals.verdicts, totals.broken
    return {
        "builds": builds,
        "counts": counts,
        "verdicts": verdicts,
        "left_out": {word: count for word, count in counts.items() if word not in VERDICTS},
        "exclusions": exclusions(totals, counts),
        "success_rate": share(totals.by_status[Status.SUCCEEDED], verdicts),
        "failure_rate": share(broken, verdicts),
        "error_rate": share(broken, totals.builds),
        "builds_per_hour": builds / hours if hours > 0 else None,
        "duration_seconds": spread(totals.duration),
        "queued_seconds": spread(totals.queued),
        "first_try": first_try(totals),
        "flaky": flaky_rate(totals.flaky, totals.verdicts),
    }


def exclusions(totals: Totals, counts: Mapping[str, int]) -> Row:
    """What rates leave out, and why."""
    reasons: Row = {f"cancelled_{reason}": totals.cancelled[reason] for reason in CancelReason}
    return reasons | {
        "cancelled_unknown": totals.cancelled[None],
        "skipped": counts[Status.SKIPPED],
        "unknown_status": counts[Status.UNKNOWN],
        "open": sum(counts[status] for status in OPEN),
    }


def first_try(totals: Totals) -> Row:
    """How the first attempts ended."""
    verdicts = sum(totals.first_tries[status] for status in VERDICTS)
    succeeded = totals.first_tries[Status.SUCCEEDED]
    broken = sum(totals.first_tries[status] for status in BROKEN)
    return {"succeeded": succeeded, "broken": broken, "verdicts": verdicts, "success_rate": share(succeeded, verdicts)}


def spread(found: Spread) -> Row:
    """Seconds on average and at the percentiles; how many builds they are of."""
    at = seconds_at(found.histogram, PERCENTS)
    percentiles = {f"p{percent}": seconds for percent, seconds in zip(PERCENTS, at, strict=True)}
    return {"average": found.average, **percentiles, "builds": found.builds}


def share(part: int, whole: int) -> float | None:
    """A rate; None of nothing."""
    return part / whole if whole else None
