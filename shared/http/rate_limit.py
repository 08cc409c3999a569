"""How soon a credential may ask again, by what an answer's headers say: budgets and pauses, pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

_SHORTEST = timedelta(seconds=1)
_UNTOLD = timedelta(seconds=60)
_LONGEST = timedelta(hours=24)
_LIMIT_WORDS = re.compile(r"rate limit|abuse detection|retry later|too many requests", re.IGNORECASE)
_ABUSE_WORDS = re.compile(r"abuse", re.IGNORECASE)
_HOUR_SECONDS = 3600
_MINUTE_SECONDS = 60
_LATEST_EPOCH = 4_102_444_800  # 2100-01-01: beyond it a number is no instant


class Limit(StrEnum):
    """Which limit an answer speaks of, as a sentence begins with it."""

    PRIMARY = "rate limit, every request of its window is spent"
    SECONDARY = "secondary rate limit, too much was asked at once"
    ABUSE = "abuse limit, the provider suspects misuse"


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests a credential has left until `reset_at` (in our clock); unknown parts are None.

    `window_seconds` is the length of what `limit` is for: GitHub counts by the hour, GitLab by the minute.
    """

    limit: int | None
    remaining: int | None
    reset_at: datetime | None
    window_seconds: int = _HOUR_SECONDS

    @property
    def limit_an_hour(self) -> int | None:
        """The limit as if it were for an hour, to compare providers by."""
        return None if self.limit is None else self.limit * _HOUR_SECONDS // self.window_seconds


def read_budget(headers: Mapping[str, str], now: datetime) -> Budget | None:
    """The budget in `x-ratelimit-*` (GitHub) or `ratelimit-*` (GitLab) headers, None where there is none.

    `headers` has lower-case names.
    """
    limit, remaining = _number(_named(headers, "limit")), _number(_named(headers, "remaining"))
    if limit is None and remaining is None:
        return None
    is_gitlabs = "ratelimit-limit" in headers or "ratelimit-remaining" in headers
    return Budget(limit, remaining, _reset(headers, now), _MINUTE_SECONDS if is_gitlabs else _HOUR_SECONDS)


def which_limit(headers: Mapping[str, str], message: str) -> Limit:
    """Which limit a refusal speaks of: a spent budget says so in its headers, abuse in its words, the rest is haste."""
    if _named(headers, "remaining") == "0":
        return Limit.PRIMARY
    return Limit.ABUSE if _ABUSE_WORDS.search(message) else Limit.SECONDARY


def is_told(headers: Mapping[str, str]) -> bool:
    """Whether a refusal says when to come back; else `pause` is a guess, to be doubled while the refusal repeats."""
    is_spent = _named(headers, "remaining") == "0" and _number(_named(headers, "reset")) is not None
    return "retry-after" in headers or is_spent


def pause(status: int, headers: Mapping[str, str], message: str, now: datetime) -> datetime | None:
    """The instant before which the credential must rest, or None when this answer is no rate limit.

    In the order GitHub documents for 403 and 429: `retry-after` (seconds or an HTTP date), then an exhausted budget's
    reset, then, where only the words or a 429 tell, 60 seconds, which whoever schedules doubles as it repeats. A 403
    with none of these is a permission error. Clocks apart from ours are corrected by the answer's `Date`.
    """
    if status not in (403, 429):
        return None
    if "retry-after" in headers:
        return _bounded(_retry_after(headers, now), now)
    if _named(headers, "remaining") == "0":
        return _bounded(_reset(headers, now), now)
    if status == 429 or "gh-limited-by" in headers or _LIMIT_WORDS.search(message):
        return now + _UNTOLD
    return None


def server_date(headers: Mapping[str, str]) -> datetime | None:
    """The answer's `Date`, aware UTC; None when missing or unreadable."""
    return _http_date(headers.get("date", ""))


def _named(headers: Mapping[str, str], word: str) -> str:
    return headers.get(f"x-ratelimit-{word}", headers.get(f"ratelimit-{word}", "")).strip()


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def _reset(headers: Mapping[str, str], now: datetime) -> datetime | None:
    epoch = _number(_named(headers, "reset"))
    if epoch is None or epoch > _LATEST_EPOCH:
        return None
    return _in_our_clock(datetime.fromtimestamp(epoch, UTC), headers, now)


def _retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    text = headers["retry-after"].strip()
    seconds = _number(text)
    if seconds is not None:
        return now + min(timedelta(seconds=seconds), _LONGEST)
    date = _http_date(text)
    return None if date is None else _in_our_clock(date, headers, now)


def _in_our_clock(theirs: datetime, headers: Mapping[str, str], now: datetime) -> datetime:
    date = server_date(headers)
    return theirs if date is None else now + (theirs - date)


def _bounded(instant: datetime | None, now: datetime) -> datetime:
    return now + _UNTOLD if instant is None else min(max(instant, now + _SHORTEST), now + _LONGEST)


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
