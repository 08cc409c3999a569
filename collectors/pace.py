"""How often a source is polled and how many extra requests one poll may spend: the budget spread to its reset. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.http.rate_limit import Budget

LONGEST_SECONDS = 3600.0
UNLIMITED_FOLLOW_UPS = 100
RESERVED = 20
"""One in so many requests of the limit is never planned for."""
_WINDOW = timedelta(hours=1)
_FIRST_FAILURE_SECONDS = 30.0
_LONGEST_FAILURE_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Poll every `interval_seconds`; beyond the list, spend at most `follow_ups` requests a poll."""

    interval_seconds: float
    follow_ups: int


def pace(budget: Budget | None, now: datetime, *, sources: int, floor_seconds: float) -> Pace:
    """Half of what the credential has left until its reset goes to lists, half to what lists do not tell.

    `sources` share the credential evenly. A provider that tells no budget is polled at the floor.
    """
    if budget is None or budget.remaining is None:
        return Pace(floor_seconds, UNLIMITED_FOLLOW_UPS)
    remaining, reset_at = budget.remaining, budget.reset_at or now + _WINDOW
    if reset_at <= now:  # what was told is over, and a full budget has begun
        remaining, reset_at = budget.limit or remaining, now + _WINDOW
    until_reset = max(1.0, (reset_at - now).total_seconds())
    # Some are kept for what cannot be foreseen: a second page, a retry, a source asked for by hand.
    share = max(0, remaining - (budget.limit or remaining) // RESERVED) / max(1, sources)
    if share < 1:
        return Pace(max(floor_seconds, until_reset + 1), 0)
    interval = min(max(floor_seconds, 2 * until_reset / share), LONGEST_SECONDS)
    polls_left = max(1.0, until_reset / interval)
    return Pace(interval, min(UNLIMITED_FOLLOW_UPS, max(0, int(share / polls_left + 1e-6) - 1)))


def after_failure(failures: int, floor_seconds: float) -> float:
    """Seconds to wait after the `failures`-th failure in a row: doubling from half a minute to a quarter of an hour."""
    return max(floor_seconds, min(_LONGEST_FAILURE_SECONDS, _FIRST_FAILURE_SECONDS * 2.0 ** min(failures - 1, 10)))


def is_due(age: timedelta, turn: int) -> bool:
    """Whether a build that has been open for `age` is looked at in this `turn` (polls counted, offset by the build).

    Young builds at every poll, older ones ever more rarely; nothing needs to remember when they were looked at.
    """
    hours = age.total_seconds() / 3600
    every = 1 if hours < 1 else 4 if hours < 6 else 16 if hours < 24 else 64
    return turn % every == 0
