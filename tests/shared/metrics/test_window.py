"""Windows and their buckets: by the clock and the calendar of a zone, on nights when the clock moves, too."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from shared import metrics
from shared.metrics import Bucket, TooManyBuckets, Window
from shared.metrics.window import LAST, MOST_BUCKETS, boundaries
from tests.factories import NOON, minutes

DAY = timedelta(days=1)


def buckets(since: str, until: str, bucket: Bucket, zone: str) -> list[str]:
    """The boundaries as the zone's clock shows them."""
    frame = Window(datetime.fromisoformat(since), datetime.fromisoformat(until))
    found = boundaries(frame, bucket, ZoneInfo(zone))
    return [f"{instant.astimezone(ZoneInfo(zone)):%m-%d %H:%M}" for instant in found]


def test_the_default_window_is_the_last_24_hours_begun_on_a_full_hour() -> None:
    as_of = NOON + timedelta(minutes=17, seconds=42)

    assert metrics.window(as_of, None, None) == Window(NOON - DAY, None)
    assert metrics.window(as_of, None, NOON + minutes(3)) == Window(NOON - DAY + minutes(3), NOON + minutes(3))
    assert metrics.window(as_of, NOON, None) == Window(NOON, None)
    assert metrics.window(as_of, None, None).as_of == NOON + minutes(17)


def test_the_period_before_is_as_long_as_the_window() -> None:
    assert Window(NOON, NOON + minutes(90)).before == Window(NOON - minutes(90), NOON)


def test_the_period_before_a_window_that_goes_on_is_as_many_full_hours_as_have_passed() -> None:
    ends = (None, NOON + DAY)

    assert [Window(NOON, end, NOON + minutes(150)).before for end in ends] == [Window(NOON - minutes(120), NOON)] * 2
    assert Window(NOON, None, NOON + minutes(59)).before is None


def test_what_adds_up_is_compared_over_exactly_as_long() -> None:
    assert Window(NOON, None, NOON + minutes(150)).as_long_before == Window(NOON - minutes(150), NOON)


@pytest.mark.parametrize("since", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_windows_at_the_ends_of_the_calendar_hold_nothing(since: datetime) -> None:
    frame = Window(since, None, NOON)

    assert frame.begins <= frame.elapsed_until <= frame.ends <= LAST
    assert frame.before is None


def test_days_are_those_of_the_zone_and_the_windows_ends_are_kept() -> None:
    found = buckets("2026-11-20T12:00Z", "2026-11-22T12:00Z", Bucket.DAY, "Asia/Kathmandu")

    assert found == ["11-20 17:45", "11-21 00:00", "11-22 00:00", "11-22 17:45"]


def test_a_day_in_spring_has_23_hours_and_one_in_autumn_25() -> None:
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25)):
        since = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
        frame = Window(since, since + timedelta(hours=hours))

        assert len(boundaries(frame, Bucket.DAY, ZoneInfo("Europe/Berlin"))) == 2
        assert len(boundaries(frame, Bucket.HOUR, ZoneInfo("Europe/Berlin"))) == hours + 1


def test_a_midnight_that_the_clock_skips_begins_the_day_an_hour_later() -> None:
    found = buckets("2026-04-23T12:00Z", "2026-04-25T12:00Z", Bucket.DAY, "Africa/Cairo")

    assert found == ["04-23 14:00", "04-24 01:00", "04-25 00:00", "04-25 15:00"]


def test_an_hour_is_half_as_long_or_half_as_long_again_where_the_clock_moves_by_half_an_hour() -> None:
    found = buckets("2026-10-03T14:30Z", "2026-10-03T17:00Z", Bucket.HOUR, "Australia/Lord_Howe")

    assert found == ["10-04 01:00", "10-04 02:30", "10-04 03:00", "10-04 04:00"]
    back = buckets("2026-04-04T14:00Z", "2026-04-04T16:30Z", Bucket.HOUR, "Australia/Lord_Howe")
    assert back == ["04-05 01:00", "04-05 02:00", "04-05 03:00"]


def test_a_day_that_a_zone_left_out_is_no_bucket() -> None:
    found = buckets("2011-12-29T12:00Z", "2011-12-31T12:00Z", Bucket.DAY, "Pacific/Apia")

    assert found == ["12-29 02:00", "12-31 00:00", "01-01 00:00", "01-01 02:00"]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    assert buckets("2026-11-20T00:00Z", "2026-12-01T00:00Z", Bucket.WEEK, "UTC") == [
        "11-20 00:00", "11-23 00:00", "11-30 00:00", "12-01 00:00",
    ]  # fmt: skip
    assert buckets("2026-11-20T00:00Z", "2027-02-02T00:00Z", Bucket.MONTH, "UTC") == [
        "11-20 00:00", "12-01 00:00", "01-01 00:00", "02-01 00:00", "02-02 00:00",
    ]  # fmt: skip


def test_a_window_that_goes_on_has_buckets_up_to_now_and_the_last_holds_what_is_newer() -> None:
    found = boundaries(Window(NOON, None, NOON + minutes(90)), Bucket.HOUR, ZoneInfo("UTC"))

    assert found == [NOON, NOON + minutes(60), LAST]


@pytest.mark.parametrize("until", [None, datetime(9999, 12, 31, tzinfo=UTC)])
def test_more_buckets_than_an_answer_holds_are_refused(until: datetime | None) -> None:
    long = Window(datetime(1990, 1, 1, tzinfo=UTC), until, NOON)

    with pytest.raises(TooManyBuckets, match="more than 500 buckets"):
        boundaries(long, Bucket.DAY, ZoneInfo("UTC"))
    frame = Window(NOON, NOON + (MOST_BUCKETS - 1) * DAY)
    assert len(boundaries(frame, Bucket.DAY, ZoneInfo("UTC"))) == MOST_BUCKETS + 1


@pytest.mark.parametrize("bucket", list(Bucket))
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "UTC"])
def test_buckets_of_a_year_follow_one_another(bucket: Bucket, zone: str) -> None:
    days = 20 if bucket is Bucket.HOUR else 365
    for start in (datetime(2026, 3, 20, 0, 30, tzinfo=UTC), datetime(2026, 9, 25, 11, tzinfo=UTC)):
        found = boundaries(Window(start, start + timedelta(days=days)), bucket, ZoneInfo(zone))

        assert (found[0], found[-1]) == (start, start + timedelta(days=days))
        assert all(former < latter for former, latter in pairwise(found))
        assert all(instant.astimezone(ZoneInfo(zone)).minute in (0, 30) for instant in found[1:-1])
