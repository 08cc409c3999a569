"""The budget spread to its reset, back-off after failures, and how often an open build is looked at."""

from datetime import timedelta

import pytest

from collectors.pace import UNLIMITED_FOLLOW_UPS, Pace, after_failure, is_due, pace
from shared.http.rate_limit import Budget
from tests.factories import NOON, minutes


def budget(remaining: int, *, limit: int = 60, reset_in: float = 60) -> Budget:
    return Budget(limit, remaining, NOON + minutes(reset_in))


def test_three_sources_without_a_token_stay_inside_sixty_requests_an_hour() -> None:
    spread = pace(budget(60), NOON, sources=3, floor_seconds=30)

    polls_an_hour = 3600 / spread.interval_seconds
    assert spread.follow_ups == 1
    assert 300 < spread.interval_seconds < 400
    assert 3 * polls_an_hour * (1 + spread.follow_ups) <= 57.01, "a few stay for what cannot be foreseen"


@pytest.mark.parametrize("remaining", [1, 7, 60, 600, 4999])
@pytest.mark.parametrize("sources", [1, 3, 40])
@pytest.mark.parametrize("reset_in", [0.5, 13, 60])
def test_no_pace_spends_more_than_is_left(remaining: int, sources: int, reset_in: float) -> None:
    spread = pace(budget(remaining, limit=5000, reset_in=reset_in), NOON, sources=sources, floor_seconds=30)

    polls = reset_in * 60 / spread.interval_seconds
    # A source that polls once before the reset may round up to that one poll.
    assert sources * max(1, polls) * (1 + spread.follow_ups) <= max(remaining, sources) + sources


def test_a_provider_that_tells_no_budget_is_polled_at_the_floor() -> None:
    assert pace(None, NOON, sources=5, floor_seconds=30) == Pace(30, UNLIMITED_FOLLOW_UPS)


def test_a_budget_whose_reset_has_passed_is_full_again() -> None:
    assert pace(budget(0, reset_in=-1), NOON, sources=1, floor_seconds=30).interval_seconds == pytest.approx(
        126.3, 0.01
    )


def test_an_exhausted_budget_waits_for_its_reset() -> None:
    assert pace(budget(0, reset_in=20), NOON, sources=1, floor_seconds=30) == Pace(20 * 60 + 1, 0)


def test_failures_double_the_wait_up_to_a_quarter_of_an_hour() -> None:
    assert [after_failure(count, 5) for count in (1, 2, 3, 6, 50)] == [30, 60, 120, 900, 900]


@pytest.mark.parametrize(("hours", "looks"), [(0.5, 64), (2, 16), (12, 4), (500, 1)])
def test_the_older_an_open_build_the_more_rarely_it_is_looked_at(hours: float, looks: int) -> None:
    assert sum(is_due(timedelta(hours=hours), turn) for turn in range(64)) == looks
