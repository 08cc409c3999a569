"""How flaky the builds of a span are; pure."""

from shared.metrics.statistics import wilson
from shared.rows import Row


def flaky_rate(builds: int, verdicts: int) -> Row:
    """Builds that passed right after a failure of their commit, of those with a verdict, and the rate's bounds."""
    # What a build is known to be moves within a second of its verdict, so for that long there may be more of the one.
    builds = max(0, min(builds, verdicts))
    bounds = wilson(builds, verdicts)
    return {
        "builds": builds,
        "verdicts": verdicts,
        "rate": builds / verdicts if verdicts else None,
        "lower": bounds.lower if verdicts else None,
        "upper": bounds.upper if verdicts else None,
    }
