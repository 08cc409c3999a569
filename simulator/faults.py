"""Faults: what may go wrong with an answer, which requests it hits, and how the answer changes.

A fault is chosen by site, method and path; it hits `count` matching requests (None: all of them) after letting
`skip` of them pass. Only the first fault that matches is applied. What a refusal or a poisoned row looks like is the
provider's own matter (`Dialect`); how bytes arrive, or fail to, is the same for all.
"""

import gzip
import itertools
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, Literal, Protocol

from simulator.exchange import JSON_TYPE, Answer, Manner, Request, text_answer


class FaultKind(StrEnum):
    """Everything that can be injected; the comment says which settings matter."""

    TOO_MANY_REQUESTS = "too_many_requests"  # seconds, retry_after: seconds | date | none
    SECONDARY_LIMIT = "secondary_limit"  # seconds, retry_after: seconds | none | limited_by
    PRIMARY_LIMIT = "primary_limit"  # seconds until the reset
    SERVER_ERROR = "server_error"  # status
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    HTML = "html"
    TRUNCATED = "truncated"  # is_length_hidden
    DRIP = "drip"  # bytes_per_second
    SILENT = "silent"
    RESET = "reset"
    RESET_AFTER = "reset_after"  # the request is taken, the answer never arrives
    OVERSIZED = "oversized"  # size
    GZIP_BOMB = "gzip_bomb"  # size once unpacked
    REDIRECT_ELSEWHERE = "redirect_elsewhere"  # status
    REDIRECT_LOOP = "redirect_loop"  # status
    LOOPING_NEXT = "looping_next"
    STALE = "stale"  # seconds
    SKEW = "skew"  # seconds
    IMPOSSIBLE_ROW = "impossible_row"  # variant, row
    UNKNOWN_WORDS = "unknown_words"
    EMPTY_LIST = "empty_list"
    WITHOUT_HEADERS = "without_headers"  # names


class Impossible(StrEnum):
    """What can be wrong with an impossible row."""

    NUL = "nul"
    MISSING_ID = "missing_id"
    TEXT_ID = "text_id"
    HUGE_NUMBER = "huge_number"
    YEAR_99999 = "year_99999"
    YEAR_1 = "year_1"
    NO_ZONE = "no_zone"
    NULL_DATES = "null_dates"
    BACKWARDS = "backwards"  # finished before it started
    NULL_REPOSITORY = "null_repository"
    LIST_NAME = "list_name"
    MEGABYTE_NAME = "megabyte_name"
    SURROGATE = "surrogate"
    NAN = "nan"
    DEEP = "deep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault as it was asked for."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    kind: FaultKind
    site: Literal["github", "gitlab", "jenkins", "slack", "downloads", "elsewhere"] = "github"
    path: str = ""
    method: str = ""
    count: int | None = None
    skip: int = 0
    seconds: float = 5
    retry_after: Literal["seconds", "date", "none", "limited_by"] = "seconds"
    status: int = 0
    size: int = 20_000_000
    bytes_per_second: int = 1
    is_length_hidden: bool = False
    variant: Impossible = Impossible.NUL
    row: int = 0
    names: tuple[str, ...] = ("Date",)

    def matches(self, site: str, request: Request) -> bool:
        """Whether this fault concerns the request; `path` is searched for in path and query."""
        is_method = not self.method or self.method == request.method
        return self.site == site and is_method and re.search(self.path, request.target) is not None


def parse_fault(content: object) -> Fault:
    """A fault from JSON.

    Raises:
        ValueError: a kind, setting or type that does not exist, in words.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - a third of a second, for those who need it

    try:
        fault = TypeAdapter(Fault).validate_python(content)
        re.compile(fault.path)
    except ValidationError as error:
        mistakes = (f"{'.'.join(map(str, each['loc'])) or 'fault'}: {each['msg']}" for each in error.errors())
        raise ValueError("; ".join(mistakes)) from error
    except re.error as error:
        raise ValueError(f"path: not a regular expression ({error})") from error
    return fault


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    hits: int = 0

    def take(self) -> bool:
        self.seen += 1
        is_due = self.seen > self.fault.skip and (self.fault.count is None or self.hits < self.fault.count)
        self.hits += is_due
        return is_due


class Faults:
    """The faults in force, in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._armed: dict[int, _Armed] = {}

    def add(self, fault: Fault) -> int:
        """Put a fault in force; its number removes it again."""
        with self._lock:
            number = next(self._ids)
            self._armed[number] = _Armed(fault)
            return number

    def remove(self, number: int) -> bool:
        """End one fault."""
        with self._lock:
            return self._armed.pop(number, None) is not None

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._armed.clear()

    def take(self, site: str, request: Request) -> Fault | None:
        """The fault that hits this request, counted as a hit."""
        with self._lock:
            for armed in self._armed.values():
                if armed.fault.matches(site, request) and armed.take():
                    return armed.fault
        return None

    def report(self) -> list[dict[str, object]]:
        """Every fault in force with how many requests it saw and hit."""
        with self._lock:
            return [
                {"id": number, "seen": armed.seen, "hits": armed.hits}
                | {field.name: getattr(armed.fault, field.name) for field in fields(Fault)}
                for number, armed in self._armed.items()
            ]


class Dialect(Protocol):
    """What a provider's fake must be able to say; a new provider is one more of these."""

    name: str

    def answer(self, request: Request, now: datetime) -> Answer:
        """What the provider says when nothing is wrong."""
        ...

    def refusal(self, fault: Fault, request: Request, now: datetime) -> Answer:
        """The provider's own form of a limit, an error, a rejection of this request."""
        ...

    def spoil(self, answer: Answer, fault: Fault) -> Answer:
        """The same answer with something in its content that cannot be."""
        ...


_REFUSALS = frozenset(
    {
        FaultKind.TOO_MANY_REQUESTS,
        FaultKind.SECONDARY_LIMIT,
        FaultKind.PRIMARY_LIMIT,
        FaultKind.SERVER_ERROR,
        FaultKind.UNAUTHORIZED,
        FaultKind.FORBIDDEN,
        FaultKind.NOT_FOUND,
    }
)
_SPOILED = frozenset(
    {FaultKind.IMPOSSIBLE_ROW, FaultKind.UNKNOWN_WORDS, FaultKind.EMPTY_LIST, FaultKind.SKEW, FaultKind.LOOPING_NEXT}
)
_LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in to go on</form></body></html>"
)


def answer_under(fault: Fault | None, dialect: Dialect, request: Request, now: datetime, elsewhere: str) -> Answer:
    """What the client gets from this dialect when `fault` (or none) hits its request.

    Args:
        fault: What goes wrong.
        dialect: Who would have answered.
        request: What was asked.
        now: The provider's instant.
        elsewhere: The address of another host, for redirects that lead away.
    """
    if fault is None:
        return dialect.answer(request, now)
    if fault.kind in _REFUSALS:
        return dialect.refusal(fault, request, now)
    if fault.kind is FaultKind.STALE:
        return dialect.answer(request, now - timedelta(seconds=fault.seconds))
    if fault.kind in _REPLACED:
        return _REPLACED[fault.kind](fault, request, elsewhere)
    answer = dialect.answer(request, now)
    if fault.kind in _SPOILED:
        return dialect.spoil(answer, fault)
    return _CHANGED[fault.kind](fault, answer)


def _oversized(fault: Fault, _request: Request, _elsewhere: str) -> Answer:
    body = b'{"total_count": 1, "workflow_runs": [], "padding": ""}'
    return Answer(200, {"Content-Type": JSON_TYPE}, body, filler=max(0, fault.size - len(body)))


def _gzip_bomb(fault: Fault, _request: Request, _elsewhere: str) -> Answer:
    return Answer(200, {"Content-Type": JSON_TYPE, "Content-Encoding": "gzip"}, _zeros(fault.size))


@lru_cache(maxsize=4)
def _zeros(size: int) -> bytes:
    """`size` zero characters, packed a megabyte at a time so that the bomb does not hit ourselves."""
    megabyte = gzip.compress(b"0" * 1_000_000, mtime=0)
    return megabyte * (size // 1_000_000) + gzip.compress(b"0" * (size % 1_000_000), mtime=0)


def _redirect_elsewhere(fault: Fault, request: Request, elsewhere: str) -> Answer:
    return Answer(fault.status or 302, {"Location": elsewhere + request.target})


def _redirect_loop(fault: Fault, request: Request, _elsewhere: str) -> Answer:
    return Answer(fault.status or 302, {"Location": f"http://{request.headers.get('host', '')}{request.target}"})


_REPLACED: dict[FaultKind, Callable[[Fault, Request, str], Answer]] = {
    FaultKind.HTML: lambda *_: text_answer(200, _LOGIN_PAGE, "text/html; charset=utf-8"),
    FaultKind.SILENT: lambda *_: Answer(200, manner=Manner.SILENT),
    FaultKind.RESET: lambda *_: Answer(200, manner=Manner.RESET),
    FaultKind.OVERSIZED: _oversized,
    FaultKind.GZIP_BOMB: _gzip_bomb,
    FaultKind.REDIRECT_ELSEWHERE: _redirect_elsewhere,
    FaultKind.REDIRECT_LOOP: _redirect_loop,
}

_CHANGED: dict[FaultKind, Callable[[Fault, Answer], Answer]] = {
    FaultKind.TRUNCATED: lambda fault, answer: replace(
        answer, manner=Manner.CUT, is_length_hidden=fault.is_length_hidden
    ),
    FaultKind.DRIP: lambda fault, answer: replace(
        answer, manner=Manner.DRIP, bytes_per_second=max(1, fault.bytes_per_second)
    ),
    FaultKind.RESET_AFTER: lambda _, answer: replace(answer, manner=Manner.RESET),
    FaultKind.WITHOUT_HEADERS: lambda fault, answer: replace(
        answer,
        headers={name: text for name, text in answer.headers.items() if name.lower() not in _lower(fault.names)},
    ),
}


def _lower(names: tuple[str, ...]) -> set[str]:
    return {name.lower() for name in names}
