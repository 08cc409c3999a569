"""How often a source is polled and how many extra requests one poll may spend: its life, then the budget. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.http.rate_limit import Budget

CEILING_SECONDS = 180.0
"""No source waits longer, unless its budget forbids; then it says so."""

QUIET_SECONDS = 155.0
"""A quiet source's interval: the ceiling less what waiting for a turn and the asking itself may take."""

LONGEST_SECONDS = 3600.0
UNLIMITED_FOLLOW_UPS = 100
LISTS_SHARE = 0.6
"""Of a budget the lists get so much; the rest is for jobs, missed attempts and re-runs, some two requests a build."""

RESERVED = 20
"""One in so many requests of the limit is never planned for."""

POOR_LIMIT = 1000
"""Credentials with a smaller limit an hour (GitHub without a token: 60) cannot afford hints, nor to look back a day."""

SLOTS_A_DAY = 96
_SLOT = timedelta(days=1) / SLOTS_A_DAY
_QUIET_SHARE = 10
_HOUR_SECONDS = 3600
_FIRST_FAILURE_SECONDS = 30.0
_LONGEST_FAILURE_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Poll every `interval_seconds`; beyond the list, spend at most `follow_ups` requests a poll.

    `reason` says in words why the interval is longer than the ceiling.
    """

    interval_seconds: float
    follow_ups: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """What the other sources of a credential want of it.

    `cost` is what polling each of them once takes, `per_second` the same, each at the interval it wants; `eager` are
    those that are not quiet, `sources` all of them.
    """

    cost: float = 0.0
    per_second: float = 0.0
    eager: int = 0
    sources: int = 0


def wanted_seconds(
    *, is_running: bool, is_usual_time: bool, quiet_for: timedelta | None, floor_seconds: float
) -> float:
    """The interval a source's own life asks for: the shortest while something runs or is usual, slower as it rests.

    After so long a silence a tenth of it is waited: what happened a minute ago may go on, what happened last week not.
    """
    if is_running or is_usual_time:
        return floor_seconds
    rested = QUIET_SECONDS if quiet_for is None else quiet_for.total_seconds() / _QUIET_SHARE
    return max(floor_seconds, min(QUIET_SECONDS, rested))


def slot_of(instant: datetime) -> int:
    """The quarter of an hour of the day (UTC) in which an instant lies."""
    utc = instant.astimezone(UTC)
    return (utc - utc.replace(hour=0, minute=0, second=0, microsecond=0)) // _SLOT


def is_usual(slots: Collection[int], now: datetime) -> bool:
    """Whether builds are wont to start now or before a quiet source would be asked again."""
    return slot_of(now) in slots or slot_of(now + timedelta(seconds=QUIET_SECONDS)) in slots


def pace(
    budget: Budget | None,
    now: datetime,
    *,
    wanted: float,
    cost: float,
    others: Demand,
    floor_seconds: float,
) -> Pace:
    """The interval that is wanted, or the same for all where the lists' share of what is left is too little.

    A poll's list costs `cost` requests; one that is answered "not modified" is free and never waits for that. The rest
    goes to what lists do not tell, shared by the sources that are not quiet.
    """
    if budget is None or budget.remaining is None:
        return Pace(wanted, UNLIMITED_FOLLOW_UPS, _reason(None, wanted, floor_seconds, others))
    remaining, until_reset = _left(budget, now)
    # Some are kept for what cannot be foreseen: a second page, a retry, a source asked for by hand.
    share = max(0.0, remaining - (budget.limit or remaining) // RESERVED)
    demand = (others.per_second + cost / wanted) * until_reset
    for_lists = share * LISTS_SHARE
    is_scarce = cost > 0 and demand > for_lists
    # At this interval all lists together cost just their share; those that want less leave some to the others.
    even = (others.cost + cost) * until_reset / for_lists if share > 0 else float("inf")
    # Beyond the reset there is a full budget again.
    longest = max(wanted, min(LONGEST_SECONDS, until_reset + 1))
    interval = max(floor_seconds, min(max(wanted, even) if is_scarce else wanted, longest))
    polls = (others.eager + 1) * max(1.0, until_reset / interval)
    follow_ups = min(float(UNLIMITED_FOLLOW_UPS), (share - for_lists) / polls)
    return Pace(interval, follow_ups, _reason(budget, interval, floor_seconds, others))


def is_poor(budget: Budget | None) -> bool:
    """Whether a credential's limit is too small for more than the lists."""
    limit = None if budget is None else budget.limit_an_hour
    return limit is not None and limit < POOR_LIMIT


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


def _left(budget: Budget, now: datetime) -> tuple[int, float]:
    """Requests left and seconds until the reset; what was told is over once it passed, and a full budget begins."""
    remaining = budget.remaining or 0
    if budget.reset_at is None:
        return remaining, float(budget.window_seconds)
    if budget.reset_at <= now:
        return budget.limit or remaining, float(budget.window_seconds)
    return remaining, max(1.0, (budget.reset_at - now).total_seconds())


def _reason(budget: Budget | None, interval: float, floor_seconds: float, others: Demand) -> str | None:
    if interval <= CEILING_SECONDS:
        return None
    if floor_seconds > CEILING_SECONDS:
        return f"poll_floor_seconds is {floor_seconds:g}"
    limit = "few" if budget is None or budget.limit is None else f"{budget.limit:,}"
    window = "an hour" if budget is None or budget.window_seconds == _HOUR_SECONDS else "a minute"
    shared = f" shared by {others.sources + 1} sources" if others.sources else ""
    return f"{limit} requests {window}{shared}"
