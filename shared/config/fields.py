"""What every table of the file is made of: the frozen base, durations, names, addresses."""

import re
from datetime import UTC, datetime, time
from functools import cache
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator

from shared.config.mistakes import did_you_mean

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST_NAME = 100
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


def parse_duration(value: object) -> object:
    """Seconds of `30`, `"30"`, `"30s"`, `"5m"`, `"1h30m"`, `"2d"`; anything else is a mistake."""
    if not isinstance(value, str):
        return value
    text = value.strip().replace(" ", "")
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text))
    try:
        return float(text)
    except ValueError:
        raise ValueError(f'must be a duration such as "30s", "5m" or "1h30m", not "{value}"') from None


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f'must begin with a letter or digit and hold only those and ". _ -", not "{value}"')
    if len(value) > _LONGEST_NAME:
        raise ValueError(f"must have at most {_LONGEST_NAME} characters")
    return value


def _http_url(value: str) -> str:
    """An http(s) address without credentials, query or trailing slash."""
    try:
        parts = urlsplit(value)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError("is not a URL; write it like https://ci.example.com") from None
    if parts.username or parts.password:
        raise ValueError("must not carry a user or password; a secret is named by its own key")
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine:
        raise ValueError(f'is not an http:// or https:// URL: "{value}"; write it like https://ci.example.com')
    if parts.query or parts.fragment or any(character.isspace() for character in value):
        raise ValueError("must end with the path: no query, no fragment, no spaces")
    return value.rstrip("/")


_zones = cache(available_timezones)  # it walks a folder of hundreds of files


def _zone(value: object) -> object:
    if isinstance(value, str) and value not in _zones():
        near = did_you_mean(value, _zones())
        hint = near if near.startswith("did") else "write it like Europe/Berlin, or UTC"
        raise ValueError(f'"{value[:80]}" is no time zone; {hint}')
    return value


def _time_of_day(value: object) -> object:
    """Of `22:00` in quotes or without; a bare number would be taken for seconds after midnight."""
    if isinstance(value, time):
        return value
    if isinstance(value, str) and (parts := _TIME.fullmatch(value.strip())):
        hour, minute, second = (int(part or 0) for part in parts.groups())
        return time(hour, minute, second)
    raise ValueError('must be a time of day in quotes such as "22:00"')


def parse_instant(value: object) -> object:
    """An ISO text with date, time and zone as an instant in UTC; anything else is a mistake."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    try:
        instant = datetime.fromisoformat(value.strip() if isinstance(value, str) and "T" in value else "")
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be an instant with its zone, such as 2026-11-20T12:00:00Z")


Seconds = Annotated[float, BeforeValidator(parse_duration)]
"""A duration: a number of seconds, or text with a unit."""

TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
"""A time of day without a zone, such as `"22:00"`."""

Instant = Annotated[datetime, BeforeValidator(parse_instant)]
"""An instant with its zone."""

Name = Annotated[str, BeforeValidator(lambda value: _name(value) if isinstance(value, str) else value)]
HttpUrl = Annotated[str, BeforeValidator(lambda value: _http_url(value) if isinstance(value, str) else value)]

Zone = Annotated[str, BeforeValidator(_zone)]
"""The name of a time zone, such as Europe/Berlin."""


class Settings(BaseModel):
    """One table of the file: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        # Python counts True as 1, and so does pydantic; whoever writes `port = true` means something else.
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation in {int, float}:
            raise ValueError(f"must be a number, not {str(value).lower()}")
        if _has_nul(value):
            raise ValueError("must not hold the character NUL")  # no database takes it
        return value


def _has_nul(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value
