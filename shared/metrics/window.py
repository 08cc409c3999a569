"""The span of time that figures are about, the one before it, and the buckets it falls into; pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from shared.errors import ObservatoryError
from shared.rows import Row

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

DEFAULT_WINDOW = DAY

MOST_BUCKETS = 500

FIRST = datetime(1971, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 1, 1, tzinfo=UTC)
"""No build is counted before the one or from the other on; both leave room for a zone's offset and a bucket."""


class Bucket(StrEnum):
    """Into what a window can be cut, by the clock and calendar of a time zone; a week begins on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class TooManyBuckets(ObservatoryError):
    """The window has more of these than an answer holds."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` (included) to `until` (excluded); without `until` up to whatever is newest.

    `as_of` is the last full minute when it is read: where `until` lies ahead of it the window is still going on.
    """

    since: datetime
    until: datetime | None = None
    as_of: datetime | None = field(default=None, compare=False)

    @property
    def as_row(self) -> Row:
        return {"since": self.since, "until": self.until}

    @property
    def begins(self) -> datetime:
        return _within(self.since)

    @property
    def ends(self) -> datetime:
        return LAST if self.until is None else max(self.begins, _within(self.until))

    @property
    def is_over(self) -> bool:
        return self.until is not None and (self.as_of is None or self.until <= self.as_of)

    @property
    def elapsed_until(self) -> datetime:
        """How far time has come in it."""
        end = self.ends if self.is_over else self.as_of or self.ends
        return max(self.begins, end)

    @property
    def elapsed(self) -> timedelta:
        return self.elapsed_until - self.begins

    @property
    def before(self) -> "Window | None":
        """The span of the same length right before; of a window that goes on: of as many full hours as have passed."""
        length = self.elapsed if self.is_over else self.elapsed // HOUR * HOUR
        if not length or length > self.begins - FIRST:
            return None
        return Window(self.begins - length, self.begins)

    @property
    def as_long_before(self) -> "Window":
        """The span right before that is exactly as long as has passed of this one."""
        return Window(self.begins - min(self.elapsed, self.begins - FIRST), self.begins)


def window(as_of: datetime, since: datetime | None, until: datetime | None) -> Window:
    """The window asked for; by default the last 24 hours, begun on a full hour: none has to be cut to count it."""
    minute = as_of.replace(second=0, microsecond=0)
    if since is None:
        since = (until or floor(as_of, HOUR)) - DEFAULT_WINDOW
    return Window(since, until, minute)


def floor(instant: datetime, step: timedelta) -> datetime:
    """The full hour or day (of UTC) at or before an instant."""
    return instant - (instant - FIRST) % step


def boundaries(frame: Window, bucket: Bucket, zone: ZoneInfo) -> list[datetime]:
    """Where the buckets of a window begin, and where the last one ends: the window's own ends are kept.

    Buckets go up to `as_of` where the window goes on; the last one holds what is queued later than that, too. Raises
    TooManyBuckets when there are more than an answer holds.
    """
    end = frame.ends if frame.is_over else max(frame.elapsed_until, frame.begins + MINUTE)
    found = [frame.begins]
    while (following := _next(found[-1], bucket, zone)) < min(end, frame.ends):
        found.append(following)
        if len(found) > MOST_BUCKETS:
            raise TooManyBuckets(
                f"would make more than {MOST_BUCKETS} buckets of this window; "
                "take a longer bucket, or a later since and an until"
            )
    return [*found, frame.ends]


def _next(instant: datetime, bucket: Bucket, zone: ZoneInfo) -> datetime:
    """The first begin of a bucket after an instant, whatever the zone's clock does that night."""
    if bucket is Bucket.HOUR:
        return _next_hour(instant, zone)
    day = instant.astimezone(zone).date()
    begin = instant
    while begin <= instant:
        if bucket is Bucket.DAY:
            day += DAY
        elif bucket is Bucket.WEEK:
            day += timedelta(days=7 - day.weekday())
        else:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        begin = datetime.combine(day, time(), zone).astimezone(UTC)
    return begin


def _next_hour(instant: datetime, zone: ZoneInfo) -> datetime:
    following = instant + HOUR - _into_hour(instant, zone)
    # Where the clock goes back by half an hour, the hour it shows then goes on for half an hour more.
    into = _into_hour(following, zone)
    is_same = following.astimezone(zone).hour == instant.astimezone(zone).hour
    return following + HOUR - into if into and is_same else following


def _into_hour(instant: datetime, zone: ZoneInfo) -> timedelta:
    local = instant.astimezone(zone)
    return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def _within(instant: datetime) -> datetime:
    return min(max(instant, FIRST), LAST)
