"""Opaque keyset cursors: where the last page ended, in a form that is not mistaken for anything else."""

import base64
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import request, url_for
from werkzeug.datastructures import MultiDict

from api.problems import Problem, wrong

BIGGEST_ID = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def encode_cursor(kind: str, key: Sequence[object]) -> str:
    """A position in the list called `kind` as text safe in a URL."""
    values = [(value - _EPOCH) // _MICROSECOND if isinstance(value, datetime) else value for value in key]
    content = orjson.dumps([kind, *values])
    return base64.urlsafe_b64encode(zlib.crc32(content).to_bytes(4) + content).rstrip(b"=").decode()


def decode_cursor(kind: str, types: tuple[type, ...], cursor: str | None) -> tuple[Any, ...] | None:
    """The position behind a cursor of the list called `kind`; a 422 problem when it is none of that list's.

    None stays None: the list begins at its beginning.
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        if zlib.crc32(raw[4:]) != int.from_bytes(raw[:4]):
            raise _malformed()
        found_kind, *values = orjson.loads(raw[4:])
        if found_kind != kind:
            raise _malformed()
        return tuple(_typed(value, wanted) for value, wanted in zip(values, types, strict=True))
    except (ValueError, OverflowError, TypeError):
        raise _malformed() from None


def _typed(value: object, wanted: type) -> int | str | datetime:
    if wanted is datetime and isinstance(value, int):
        return _EPOCH + value * _MICROSECOND
    if wanted is int and isinstance(value, int) and 0 <= value <= BIGGEST_ID:
        return value
    if wanted is str and isinstance(value, str) and "\0" not in value:
        return value
    raise _malformed()


def _malformed() -> Problem:
    return wrong("query", "cursor", "is none of this list's; send next_cursor of the page before as it stands, or none")


def next_link(cursor: str) -> str:
    """The `Link` header to the next page: this request with another cursor (RFC 8288)."""
    query = MultiDict(request.args)
    query["cursor"] = cursor
    path = url_for(request.endpoint or "", **(request.view_args or {}))
    return f'<{path}?{urlencode(list(query.items(multi=True)))}>; rel="next"'
