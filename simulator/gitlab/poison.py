"""What GitLab should never send and one day does: impossible rows, unknown words, skewed clocks, endless pages."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import orjson

from simulator.exchange import Answer
from simulator.faults import Fault, FaultKind, Impossible
from simulator.gitlab.answers import http_date
from simulator.gitlab.payloads import stamp

Row = dict[str, object]

_INSTANT = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z"')
_LATE_MARK = "\x00later\x00"


def spoil(answer: Answer, fault: Fault) -> Answer:
    """The answer with this fault's poison in it; answers without content stay as they are."""
    return _SPOILERS[fault.kind](answer, fault) if answer.status == 200 else answer


def _skewed(answer: Answer, fault: Fault) -> Answer:
    """Every instant, and the `Date` of the answer, as a clock that is off by `seconds` would give them."""
    delta = timedelta(seconds=fault.seconds)

    def shift(match: re.Match[bytes]) -> bytes:
        return f'"{stamp(datetime.fromisoformat(match[1].decode() + "+00:00") + delta)}"'.encode()

    date = parsedate_to_datetime(answer.headers["Date"]) + delta
    return replace(answer, body=_INSTANT.sub(shift, answer.body), headers=answer.headers | {"Date": http_date(date)})


def _looping(answer: Answer, _fault: Fault) -> Answer:
    """`next` leads to the page itself, for ever."""
    found = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
    if found is None:
        return answer
    here = re.sub(r"([?&]page=)(\d+)", lambda match: f"{match[1]}{max(1, int(match[2]) - 1)}", found[1])
    return answer.with_headers(Link=f'<{here}>; rel="next"')


def _empty(answer: Answer, _fault: Fault) -> Answer:
    """A list that says there is nothing, though there is."""
    if not isinstance(orjson.loads(answer.body), list):
        return answer
    headers = {name: text for name, text in answer.headers.items() if name != "Link"}
    return replace(answer, body=b"[]", headers=headers)


def _unknown_words(answer: Answer, _fault: Fault) -> Answer:
    """Statuses nobody has heard of, in every row."""
    content = orjson.loads(answer.body)
    for row in _rows(content):
        if "status" in row:
            row["status"] = "hibernating"
    return replace(answer, body=orjson.dumps(content))


def _impossible(answer: Answer, fault: Fault) -> Answer:
    """One row that cannot be stored as it is; the others are sound."""
    content = orjson.loads(answer.body)
    rows = _rows(content)
    if not rows:
        return answer
    literal = _IMPOSSIBLE[fault.variant](rows[fault.row % len(rows)])
    body = orjson.dumps(content)
    # What no JSON writer would write is put in as bytes afterwards.
    return replace(answer, body=body.replace(orjson.dumps(_LATE_MARK), literal) if literal else body)


def _rows(content: object) -> list[Row]:
    rows = content if isinstance(content, list) else [content]
    return [row for row in rows if isinstance(row, dict)]


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


_IMPOSSIBLE: dict[Impossible, Callable[[Row], bytes]] = {
    Impossible.NUL: _set(ref="ma\x00in", name="a\x00b"),
    Impossible.MISSING_ID: _missing("id"),
    Impossible.TEXT_ID: _set(id="not a number"),
    Impossible.YEAR_99999: _set(created_at="99999-01-01T00:00:00.000Z", started_at="99999-01-01T00:00:00.000Z"),
    Impossible.YEAR_1: _set(created_at="0001-01-01T00:00:00.000Z", started_at="0001-01-01T00:00:00.000Z"),
    Impossible.NO_ZONE: _set(created_at="2026-01-01T00:00:00", started_at="2026-01-01T00:00:00"),
    Impossible.NULL_DATES: _set(created_at=None, started_at=None, finished_at=None, updated_at=None),
    Impossible.BACKWARDS: _set(started_at="2026-01-02T00:00:00.000Z", finished_at="2026-01-01T00:00:00.000Z"),
    Impossible.NULL_REPOSITORY: _set(project_id=None, user=None, commit=None, runner=None),
    Impossible.LIST_NAME: _set(ref=["not", "text"], name=["not", "text"]),
    Impossible.MEGABYTE_NAME: _set(ref="x" * 1_000_000, name="x" * 1_000_000),
    Impossible.HUGE_NUMBER: _late("id", b"1" + b"0" * 400),
    Impossible.SURROGATE: _late("ref", rb'"half \ud83d a face"'),
    Impossible.NAN: _late("iid", b"NaN"),
    Impossible.DEEP: _late("tag_list", b"[" * 100_000 + b"]" * 100_000),
}

_SPOILERS: dict[FaultKind, Callable[[Answer, Fault], Answer]] = {
    FaultKind.SKEW: _skewed,
    FaultKind.LOOPING_NEXT: _looping,
    FaultKind.EMPTY_LIST: _empty,
    FaultKind.UNKNOWN_WORDS: _unknown_words,
    FaultKind.IMPOSSIBLE_ROW: _impossible,
}
