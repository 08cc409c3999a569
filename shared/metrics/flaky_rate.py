"""How flaky the builds of a span are; pure."""

from shared.metrics.statistics import wilson
from shared.metrics.totals import Totals
from shared.rows import Row


def flaky_rate(totals: Totals) -> Row:
    """Builds that passed right after a failure of their commit, of those with a verdict, and the rate's bounds."""
    verdicts, builds = totals.verdicts, totals.flaky
    # What a build is known to be moves within a second of its verdict, so for that long there may be more of the one.
    bounds = wilson(max(0, min(builds, verdicts)), verdicts)
    return {
        "builds": builds,
        "verdicts": verdicts,
        "rate": builds / verdicts if verdicts else None,
        "lower": bounds.lower if verdicts else None,
        "upper": bounds.upper if verdicts else None,
    }
