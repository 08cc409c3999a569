"""What a provider should never send and one day does: impossible rows, unknown words, skewed clocks, endless pages."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import orjson

from simulator.exchange import Answer
from simulator.faults import Fault, FaultKind, Impossible
from simulator.github.answers import http_date

Row = dict[str, object]

_INSTANT = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.000)?Z"')
_LATE_MARK = "\x00later\x00"


def spoil(answer: Answer, fault: Fault) -> Answer:
    """The answer with this fault's poison in it; answers without content stay as they are."""
    if answer.status != 200:
        return answer
    spoiled = _SPOILERS[fault.kind](answer, fault)
    # The tag belonged to the sound body: with it, a later 304 would say that the poison is the truth.
    return replace(spoiled, headers={name: text for name, text in spoiled.headers.items() if name != "ETag"})


def _skewed(answer: Answer, fault: Fault) -> Answer:
    """Every instant, and the `Date` of the answer, as a clock that is off by `seconds` would give them."""
    delta = timedelta(seconds=fault.seconds)

    def shift(match: re.Match[bytes]) -> bytes:
        instant = datetime.fromisoformat(match[1].decode()) + delta
        return f'"{instant:%Y-%m-%dT%H:%M:%S}{(match[2] or b"").decode()}Z"'.encode()

    date = answer.headers.get("Date")
    headers = answer.headers
    if date is not None:
        headers = headers | {"Date": http_date(parsedate_to_datetime(date) + delta)}
    return replace(answer, body=_INSTANT.sub(shift, answer.body), headers=headers)


def _looping(answer: Answer, _fault: Fault) -> Answer:
    """`next` leads to the page itself, for ever."""
    link = answer.headers.get("Link", "")
    here = re.sub(r"([?&]page=)(\d+)", lambda match: f"{match[1]}{max(1, int(match[2]) - 1)}", _next(link))
    return answer.with_headers(Link=f'<{here}>; rel="next"') if here else answer


def _next(link: str) -> str:
    found = re.search(r'<([^>]+)>; rel="next"', link)
    return found[1] if found else ""


def _empty(answer: Answer, _fault: Fault) -> Answer:
    """A list that says there is nothing, though there is."""
    content = orjson.loads(answer.body)
    for name in ("workflow_runs", "jobs"):
        if name in content:
            content |= {"total_count": 0, name: []}
    headers = {name: text for name, text in answer.headers.items() if name != "Link"}
    return replace(answer, body=orjson.dumps(content), headers=headers)


def _unknown_words(answer: Answer, _fault: Fault) -> Answer:
    """Statuses and conclusions nobody has heard of, in every row."""
    content = orjson.loads(answer.body)
    for row in _rows(content):
        row.update({"status": "hibernating"} if row.get("conclusion") is None else {"conclusion": "half_full"})
    return replace(answer, body=orjson.dumps(content))


def _impossible(answer: Answer, fault: Fault) -> Answer:
    """One row of the page that cannot be stored as it is; the others are sound."""
    content = orjson.loads(answer.body)
    rows = _rows(content)
    if not rows:
        return answer
    literal = _IMPOSSIBLE[fault.variant](rows[fault.row % len(rows)])
    body = orjson.dumps(content)
    # What no JSON writer would write is put in as bytes afterwards.
    return replace(answer, body=body.replace(orjson.dumps(_LATE_MARK), literal) if literal else body)


def _rows(content: Row) -> list[Row]:
    for name in ("workflow_runs", "jobs"):
        rows = content.get(name)
        if isinstance(rows, list):
            return rows
    return [content]


def _set(**values: object) -> Callable[[Row], bytes]:
    def change(row: Row) -> bytes:
        row |= values
        return b""

    return change


def _late(key: str, literal: bytes) -> Callable[[Row], bytes]:
    def change(row: Row) -> bytes:
        row[key] = _LATE_MARK
        return literal

    return change


def _missing(key: str) -> Callable[[Row], bytes]:
    def change(row: Row) -> bytes:
        row.pop(key, None)
        return b""

    return change


def _backwards(row: Row) -> bytes:
    """Finished before it started."""
    row |= {"run_started_at": "2026-01-02T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
    row |= {"started_at": "2026-01-02T00:00:00Z", "completed_at": "2026-01-01T00:00:00Z"} if "steps" in row else {}
    return b""


_IMPOSSIBLE: dict[Impossible, Callable[[Row], bytes]] = {
    Impossible.NUL: _set(name="a\x00b", head_branch="ma\x00in", display_title="\x00"),
    Impossible.MISSING_ID: _missing("id"),
    Impossible.TEXT_ID: _set(id="not a number"),
    Impossible.YEAR_99999: _set(created_at="99999-01-01T00:00:00Z", run_started_at="99999-01-01T00:00:00Z"),
    Impossible.YEAR_1: _set(created_at="0001-01-01T00:00:00Z", run_started_at="0001-01-01T00:00:00Z"),
    Impossible.NO_ZONE: _set(created_at="2026-01-01T00:00:00", run_started_at="2026-01-01T00:00:00"),
    Impossible.NULL_DATES: _set(created_at=None, run_started_at=None, updated_at=None, started_at=None),
    Impossible.BACKWARDS: _backwards,
    Impossible.NULL_REPOSITORY: _set(repository=None, head_repository=None, head_commit=None, actor=None),
    Impossible.LIST_NAME: _set(name=["not", "text"]),
    Impossible.MEGABYTE_NAME: _set(name="x" * 1_000_000),
    Impossible.HUGE_NUMBER: _late("id", b"1" + b"0" * 400),
    Impossible.SURROGATE: _late("name", rb'"half \ud83d a face"'),
    Impossible.NAN: _late("run_attempt", b"NaN"),
    Impossible.DEEP: _late("pull_requests", b"[" * 100_000 + b"]" * 100_000),
}

_SPOILERS: dict[FaultKind, Callable[[Answer, Fault], Answer]] = {
    FaultKind.SKEW: _skewed,
    FaultKind.LOOPING_NEXT: _looping,
    FaultKind.EMPTY_LIST: _empty,
    FaultKind.UNKNOWN_WORDS: _unknown_words,
    FaultKind.IMPOSSIBLE_ROW: _impossible,
}
