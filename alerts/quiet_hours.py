"""Quiet hours: until when nothing is sent, in the time zone of those who sleep; pure."""

from datetime import UTC, date, datetime, time, timedelta

from shared.config.routes import QuietHours, Weekday

_DAYS = tuple(Weekday)


def quiet_until(quiet: QuietHours, now: datetime) -> datetime | None:
    """When the quiet hours end that hold now, in UTC; None outside of them.

    They end by the wall clock, so the night of a change of the clocks is an hour longer or shorter.
    """
    today = now.astimezone(quiet.zone).date()
    for day in (today - timedelta(days=1), today):
        if _DAYS[day.weekday()] not in quiet.days:
            continue
        is_over_midnight = quiet.end < quiet.start
        starts_at = _instant(quiet, day, quiet.start)
        ends_at = _instant(quiet, day + timedelta(days=is_over_midnight), quiet.end)
        if starts_at <= now < ends_at:
            return ends_at
    return None


def _instant(quiet: QuietHours, day: date, at: time) -> datetime:
    """Compared in UTC: two instants of one zone are compared by their wall clocks, which go back in autumn."""
    return datetime.combine(day, at, quiet.zone).astimezone(UTC)
