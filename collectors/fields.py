"""Reading the fields of untyped JSON: capped clean text, instants, whole numbers, safe links; what was odd is noted."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

NAME = 255
MESSAGE = 4_000
LINK = 2_048

_LARGEST = 2**63 - 1
_LONGEST_SECONDS = 10 * 366 * 86_400
_SURROGATE = re.compile("[\ud800-\udfff]")
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_MILLIS, _LATEST_MILLIS = (int(edge.timestamp()) * 1000 for edge in (_EARLIEST, _LATEST))


class Fields:
    """One JSON object. A missing or null field is None; one of the wrong kind is None too, and a problem in words."""

    def __init__(self, payload: object, problems: list[str] | None = None) -> None:
        self._values: Mapping[str, object] = payload if isinstance(payload, dict) else {}
        self.problems: list[str] = [] if problems is None else problems

    def inside(self, key: str) -> "Fields":
        """The object in a field, empty when there is none; its problems are noted with ours."""
        return Fields(self._values.get(key), self.problems)

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(key) is not None

    def is_object(self, key: str) -> bool:
        """Whether the field holds an object."""
        return isinstance(self._values.get(key), dict)

    def is_true(self, key: str) -> bool:
        """Whether the field is true; anything else is not."""
        return self._values.get(key) is True

    def seconds(self, key: str) -> float | None:
        """A duration in seconds: a number that is finite and not negative."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._odd(key, "is no number of seconds")
        elif not 0 <= value <= _LONGEST_SECONDS:
            self._odd(key, "is out of bounds")
        else:
            return float(value)
        return None

    def text(self, key: str, cap: int = NAME) -> str | None:
        """Text without NUL, lone surrogates and outer blanks, at most `cap` characters; None when nothing remains."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self._odd(key, "is no text")
            return None
        return clean(value, cap)

    def says(self, key: str) -> bool:
        """Whether there is anything under this key, readable or not."""
        return self._values.get(key) is not None

    def whole(self, key: str, *, smallest: int = 0, largest: int = _LARGEST) -> int | None:
        """A whole number within bounds that the database can hold."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self._odd(key, "is no whole number")
        elif not smallest <= value <= largest:
            self._odd(key, "is out of bounds")
        else:
            return value
        return None

    def identifier(self, key: str) -> str | None:
        """A number that identifies something, as text."""
        number = self.whole(key, smallest=1)
        return None if number is None else str(number)

    def instant(self, key: str) -> datetime | None:
        """An instant in any of the providers' notations, aware UTC; zero dates and impossible years are None."""
        value = self._values.get(key)
        if value is None or value == "":
            return None
        instant = parse_instant(value)
        if instant is None:
            self._odd(key, "is no instant")
        return instant

    def epoch(self, key: str) -> datetime | None:
        """An instant given as milliseconds since 1970; zero and impossible years are none, and a problem."""
        millis = self.whole(key, smallest=-_LARGEST)
        if millis is None:
            return None
        if not _EARLIEST_MILLIS <= millis <= _LATEST_MILLIS:
            self._odd(key, "is no instant")
            return None
        return _UNIX + timedelta(milliseconds=millis)

    def flag(self, key: str) -> bool | None:
        """True or false."""
        value = self._values.get(key)
        if value is None or isinstance(value, bool):
            return value
        self._odd(key, "is neither true nor false")
        return None

    def listed(self, key: str) -> tuple["Fields", ...]:
        """The objects of a list, none when there is no list; what is no object in it is an empty one."""
        value = self._values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self._odd(key, "is no list")
            return ()
        return tuple(Fields(row, self.problems) for row in value)

    def texts(self, key: str, cap: int = NAME) -> tuple[str, ...]:
        """The texts of a list; what is none in it is left out."""
        value = self._values.get(key)
        rows = value if isinstance(value, list) else []
        return tuple(text for row in rows if isinstance(row, str) and (text := clean(row, cap)) is not None)

    def link(self, key: str, host: str | None) -> str | None:
        """An http(s) link to the provider's own host; anything else (`javascript:`, a foreign host) is dropped."""
        value = self.text(key, LINK + 1)
        if value is None:
            return None
        if is_link_to(value, host):
            return value
        self._odd(key, "is no link to the provider, and was dropped")
        return None

    def _odd(self, key: str, words: str) -> None:
        self.problems.append(f"{key} {words}")


def clean(text: str, cap: int) -> str | None:
    """Text that every store and every channel can take: no NUL, no lone surrogate, no outer blanks, capped."""
    return _SURROGATE.sub("\ufffd", text.replace("\0", ""))[: 4 * cap].strip()[:cap] or None


def parse_instant(value: object) -> datetime | None:
    """Reads `…Z`, offsets, fractions, `2016-08-12 15:23:28 UTC`; without a zone it is UTC. None for what is none."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return instant if _EARLIEST <= instant <= _LATEST else None


def is_link_to(url: str, host: str | None) -> bool:
    """Whether a URL is plain http(s) to this host, without credentials or control characters."""
    if len(url) > LINK or not url.isprintable() or " " in url:
        return False
    if host and url.startswith((f"https://{host}/", f"http://{host}/")):
        return True  # as nearly every link is: to take it apart costs a tenth of reading a build
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_plain = parts.scheme in ("http", "https") and not parts.username and not parts.password
    return is_plain and host is not None and parts.hostname == host
