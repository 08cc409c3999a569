"""Quiet hours by the wall clock of a zone: over midnight, on some days, in the nights when the clocks change."""

from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.quiet_hours import quiet_until
from shared.config.routes import QuietHours


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def hours(**overrides: Any) -> QuietHours:
    """From ten in the evening to seven in the morning in Berlin, every day."""
    return QuietHours.model_validate({"start": "22:00", "end": "07:00", "timezone": "Europe/Berlin"} | overrides)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-20T20:59:59", None),
        ("2026-11-20T21:00:00", "2026-11-21T06:00:00"),
        ("2026-11-21T05:59:59", "2026-11-21T06:00:00"),
        ("2026-11-21T06:00:00", None),
    ],
)
def test_they_last_over_midnight_and_end_at_their_end(now: str, until: str | None) -> None:
    assert quiet_until(hours(), at(now)) == (None if until is None else at(until))


def test_a_night_belongs_to_the_day_it_begins_on() -> None:
    friday_night = hours(days=["fri"])

    assert quiet_until(friday_night, at("2026-11-20T23:30:00")) == at("2026-11-21T06:00:00")
    assert quiet_until(friday_night, at("2026-11-21T03:00:00")) == at("2026-11-21T06:00:00")
    assert quiet_until(friday_night, at("2026-11-21T23:30:00")) is None


def test_they_may_lie_within_a_day() -> None:
    lunch = hours(start="12:00", end="13:00", days=["mon", "tue", "wed", "thu", "fri"])

    assert quiet_until(lunch, at("2026-11-20T11:30:00")) == at("2026-11-20T12:00:00")
    assert quiet_until(lunch, at("2026-11-21T11:30:00")) is None


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # 25 October 2026: three o'clock comes twice; 28 March 2027: two o'clock does not come.
        ("2026-10-24T21:00:00", "2026-10-25T06:00:00"),
        ("2026-10-25T05:59:00", "2026-10-25T06:00:00"),
        ("2027-03-27T22:00:00", "2027-03-28T05:00:00"),
        ("2027-03-28T05:00:00", None),
    ],
)
def test_they_end_by_the_wall_clock_also_in_the_nights_when_it_changes(now: str, until: str | None) -> None:
    assert quiet_until(hours(), at(now)) == (None if until is None else at(until))


def test_an_hour_that_comes_twice_is_quiet_both_times() -> None:
    small_hours = hours(start="02:00", end="02:30")

    assert quiet_until(small_hours, at("2026-10-25T00:10:00")) == at("2026-10-25T00:30:00")
    assert quiet_until(small_hours, at("2026-10-25T00:40:00")) is None
