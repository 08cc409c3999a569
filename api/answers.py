"""JSON answers that can be compared: an ETag over everything but the instant of reading, 304 when nothing changed."""

from datetime import datetime
from hashlib import blake2b

from flask import Response, request

from api.paging import next_link
from shared.wire import encode

CACHE_CONTROL = "private, no-cache"
"""Keep it, but ask each time: the server never answers older than the last write it can see."""


def answer(
    payload: dict[str, object],
    as_of: datetime,
    *,
    next_cursor: str | None = None,
    lasting: dict[str, object] | None = None,
) -> Response:
    """The payload with `as_of` beside it; 304 when the caller already has the same payload.

    `lasting` is the payload without what only grows with `as_of`; two payloads that differ in that alone say the same.
    """
    body = encode(payload)
    instant = encode(as_of)
    # Weak, because `as_of` differs between two answers that say the same; compression then needs no tag of its own.
    etag = f'W/"{blake2b(body if lasting is None else encode(lasting), digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "X-As-Of": instant.decode().strip('"'), "Cache-Control": CACHE_CONTROL}
    if next_cursor is not None:
        headers["Link"] = next_link(next_cursor)
    if _is_known(etag):
        return Response(status=304, headers=headers)
    whole = body[:-1] + b',"as_of":' + instant + b"}"
    return Response(whole, headers=headers, content_type="application/json")


def _is_known(etag: str) -> bool:
    return request.if_none_match.contains_weak(etag[3:-1]) if request.if_none_match else False
