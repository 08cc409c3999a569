"""A source's own pace, the budget spread to its reset, back-off after failures, and how often an open build is read."""

from datetime import timedelta

import pytest

from collectors.pace import (
    CEILING_SECONDS,
    QUIET_SECONDS,
    UNLIMITED_FOLLOW_UPS,
    Demand,
    Pace,
    after_failure,
    is_due,
    is_poor,
    is_usual,
    pace,
    slot_of,
    wanted_seconds,
)
from shared.http.rate_limit import Budget
from tests.factories import NOON, minutes

ALONE = Demand()


def budget(remaining: int, *, limit: int = 60, reset_in: float = 60) -> Budget:
    return Budget(limit, remaining, NOON + minutes(reset_in))


def others(count: int, *, cost: float = 1, wanted: float = 30) -> Demand:
    """So many sources that are not quiet."""
    return Demand(cost=count * cost, per_second=count * cost / wanted, eager=count, sources=count)


def spread(budget: Budget | None, others: Demand, *, wanted: float = 30, cost: float = 1) -> Pace:
    return pace(budget, NOON, wanted=wanted, cost=cost, others=others, floor_seconds=30)


def test_three_sources_without_a_token_stay_inside_sixty_requests_an_hour() -> None:
    slow = spread(budget(60), others(2))

    polls_an_hour = 3600 / slow.interval_seconds
    assert slow.follow_ups == pytest.approx(2 / 3)
    assert 300 < slow.interval_seconds < 400
    assert 3 * polls_an_hour * (1 + slow.follow_ups) <= 57.01, "a few stay for what cannot be foreseen"
    assert slow.reason == "60 requests an hour shared by 3 sources"


@pytest.mark.parametrize("remaining", [1, 7, 60, 600, 4999])
@pytest.mark.parametrize("sources", [1, 3, 40])
@pytest.mark.parametrize("reset_in", [0.5, 13, 60])
def test_no_pace_spends_more_than_is_left(remaining: int, sources: int, reset_in: float) -> None:
    even = spread(budget(remaining, limit=5000, reset_in=reset_in), others(sources - 1))

    polls = reset_in * 60 / even.interval_seconds
    # A source that polls once before the reset may round up to that one poll.
    assert sources * max(1, polls) * (1 + even.follow_ups) <= max(remaining, sources) + sources


def test_a_thousand_quiet_sources_are_polled_as_often_as_they_want_since_not_modified_is_free() -> None:
    quiet = Demand(per_second=0, eager=0, sources=999)

    free = spread(budget(4800, limit=5000), quiet, wanted=QUIET_SECONDS, cost=0)

    assert (free.interval_seconds, free.reason) == (QUIET_SECONDS, None)


def test_what_is_free_is_not_stretched_because_others_are_dear() -> None:
    dear = others(900, cost=2)

    assert spread(budget(600, limit=5000), dear, wanted=60, cost=0).interval_seconds == 60
    assert spread(budget(600, limit=5000), dear, wanted=60, cost=1).interval_seconds > 60


def test_a_source_that_wants_little_does_not_wait_longer_because_others_want_much() -> None:
    greedy = others(1, cost=1, wanted=1)

    assert spread(budget(60), greedy, wanted=165).interval_seconds == pytest.approx(2 * 3600 / (57 * 0.6))


def test_a_limit_by_the_minute_is_spread_over_the_minute_and_is_not_poor() -> None:
    gitlabs = Budget(2000, 1990, NOON + timedelta(seconds=40), window_seconds=60)

    assert spread(gitlabs, others(300)) == Pace(30, (1890 - 1890 * 0.6) / (301 * 40 / 30))
    assert not is_poor(gitlabs)
    assert is_poor(Budget(60, 60, NOON))
    assert not is_poor(None)


def test_a_provider_that_tells_no_budget_is_polled_as_its_source_wants() -> None:
    assert spread(None, others(5)) == Pace(30, UNLIMITED_FOLLOW_UPS)


def test_a_budget_whose_reset_has_passed_is_full_again() -> None:
    assert spread(budget(0, reset_in=-1), ALONE).interval_seconds == pytest.approx(105.3, 0.01)


def test_an_exhausted_budget_waits_for_its_reset() -> None:
    assert spread(budget(0, reset_in=20), ALONE) == Pace(20 * 60 + 1, 0, "60 requests an hour")


def test_a_floor_above_the_ceiling_is_said() -> None:
    slow = pace(None, NOON, wanted=600, cost=1, others=ALONE, floor_seconds=600)

    assert slow == Pace(600, UNLIMITED_FOLLOW_UPS, "poll_floor_seconds is 600")


@pytest.mark.parametrize(
    ("is_running", "is_usual_time", "quiet_for", "seconds"),
    [
        (True, False, timedelta(days=9), 30),
        (False, True, timedelta(days=9), 30),
        (False, False, timedelta(minutes=1), 30),
        (False, False, timedelta(minutes=10), 60),
        (False, False, timedelta(days=9), QUIET_SECONDS),
        (False, False, None, QUIET_SECONDS),
    ],
)
def test_a_source_is_polled_fast_while_it_lives_and_within_three_minutes_when_it_rests(
    is_running: bool, is_usual_time: bool, quiet_for: timedelta | None, seconds: float
) -> None:
    wanted = wanted_seconds(is_running=is_running, is_usual_time=is_usual_time, quiet_for=quiet_for, floor_seconds=30)

    assert wanted == seconds < CEILING_SECONDS


def test_a_nightly_build_is_expected_shortly_before_its_quarter_of_an_hour() -> None:
    usual = [slot_of(NOON)]

    assert [is_usual(usual, NOON + minutes(offset)) for offset in (-10, -2, 0, 14, 16)] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_failures_double_the_wait_up_to_a_quarter_of_an_hour() -> None:
    assert [after_failure(count, 5) for count in (1, 2, 3, 6, 50)] == [30, 60, 120, 900, 900]


@pytest.mark.parametrize(("hours", "looks"), [(0.5, 64), (2, 16), (12, 4), (500, 1)])
def test_the_older_an_open_build_the_more_rarely_it_is_looked_at(hours: float, looks: int) -> None:
    assert sum(is_due(timedelta(hours=hours), turn) for turn in range(64)) == looks
