"""What Jenkins should never send and one day does: impossible rows, unknown words, skewed clocks, empty lists."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

import orjson

from simulator.exchange import Answer
from simulator.faults import Fault, FaultKind, Impossible

Row = dict[str, object]

_INSTANT = re.compile(rb'"(timestamp|inQueueSince|startTimeMillis|endTimeMillis)":(\d{13})')
_LATE_MARK = "\x00later\x00"
_LISTS = ("jobs", "builds", "allBuilds", "items", "stages")


def spoil(answer: Answer, fault: Fault) -> Answer:
    """The answer with this fault's poison in it; what is no JSON stays as it is."""
    if answer.status != 200 or "json" not in answer.headers.get("Content-Type", ""):
        return answer
    spoiler = _SPOILERS.get(fault.kind)
    return answer if spoiler is None else spoiler(answer, fault)


def _skewed(answer: Answer, fault: Fault) -> Answer:
    delta = timedelta(seconds=fault.seconds)

    def shift(match: re.Match[bytes]) -> bytes:
        return b'"%s":%d' % (match[1], int(match[2]) + round(fault.seconds * 1000))

    date = format_datetime(parsedate_to_datetime(answer.headers["Date"]) + delta, usegmt=True)
    return replace(answer, body=_INSTANT.sub(shift, answer.body), headers=answer.headers | {"Date": date})


def _empty(answer: Answer, _fault: Fault) -> Answer:
    content = orjson.loads(answer.body)
    content |= {name: [] for name in _LISTS if name in content}
    return replace(answer, body=orjson.dumps(content))


def _unknown_words(answer: Answer, _fault: Fault) -> Answer:
    content = orjson.loads(answer.body)
    for row in _rows(content):
        row.update({"result": "HALF_FULL"} if "result" in row else {"status": "HALF_FULL"})
    return replace(answer, body=orjson.dumps(content))


def _impossible(answer: Answer, fault: Fault) -> Answer:
    content = orjson.loads(answer.body)
    rows = list(_rows(content))
    if not rows:
        return answer
    values = _IMPOSSIBLE[fault.variant]
    row = rows[fault.row % len(rows)]
    literal = b""
    for key, value in values.items():
        row[key] = value if not isinstance(value, bytes) else _LATE_MARK
        literal = value if isinstance(value, bytes) else literal
    body = orjson.dumps(content)
    return replace(answer, body=body.replace(orjson.dumps(_LATE_MARK), literal) if literal else body)


def _rows(content: object) -> Iterator[Row]:
    """Every build or stage in an answer, however deep in folders it lies."""
    if isinstance(content, list):
        for each in content:
            yield from _rows(each)
    elif isinstance(content, dict):
        if "result" in content or ("status" in content and "startTimeMillis" in content):
            yield content
        for name in _LISTS:
            yield from _rows(content.get(name))


_IMPOSSIBLE: dict[Impossible, dict[str, object]] = {
    Impossible.NUL: {"result": "SUC\x00CESS", "name": "a\x00b"},
    Impossible.MISSING_ID: {"number": None, "id": None},
    Impossible.TEXT_ID: {"number": "not a number"},
    Impossible.HUGE_NUMBER: {"number": b"1" + b"0" * 400},
    Impossible.YEAR_99999: {"timestamp": 3_093_527_980_800_000},
    Impossible.YEAR_1: {"timestamp": -62_135_596_800_000},
    Impossible.NO_ZONE: {"timestamp": "2026-01-01T00:00:00"},
    Impossible.NULL_DATES: {"timestamp": None, "duration": None, "startTimeMillis": None},
    Impossible.BACKWARDS: {"duration": -86_400_000, "durationMillis": -86_400_000},
    Impossible.NULL_REPOSITORY: {"actions": None, "changeSets": None, "changeSet": None},
    Impossible.LIST_NAME: {"result": ["not", "text"], "name": ["not", "text"]},
    Impossible.MEGABYTE_NAME: {"result": "x" * 1_000_000, "name": "x" * 1_000_000},
    Impossible.SURROGATE: {"result": rb'"half \ud83d a face"'},
    Impossible.NAN: {"duration": b"NaN"},
    Impossible.DEEP: {"actions": b"[" * 100_000 + b"]" * 100_000},
}

_SPOILERS: dict[FaultKind, Callable[[Answer, Fault], Answer]] = {
    FaultKind.SKEW: _skewed,
    FaultKind.EMPTY_LIST: _empty,
    FaultKind.UNKNOWN_WORDS: _unknown_words,
    FaultKind.IMPOSSIBLE_ROW: _impossible,
}
