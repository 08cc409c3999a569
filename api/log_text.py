"""A stored log as an answer: plain text that no browser takes for anything else, whole or a piece of it."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from flask import Flask, Response, request
from sqlalchemy import Engine

from api.answers import CACHE_CONTROL
from api.problems import Problem
from api.services import services
from shared.log_requests import Wanted
from shared.reading import reading
from shared.stored_logs import StoredLog, read_piece

MOST_RANGE_BYTES = 1024 * 1024
"""The most one answer to a `Range` holds."""

_PIECE_BYTES = 1024 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

HEADERS = {
    # Nothing in it runs, is loaded, or sees this origin, even if a browser could be talked into showing it as a page.
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": CACHE_CONTROL,
    "Accept-Ranges": "bytes",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the answer: words of ours, or a stored log."""

    size: int
    words: bytes = b""
    log: StoredLog | None = None


def register(app: Flask) -> None:
    """Send pieces as they are; called before compression is set up, so that it runs after it."""

    def plain(response: Response) -> Response:
        if response.status_code == 206:
            # It was there only to keep the compressor off: a range is counted in the bytes that are sent.
            response.headers.pop("Content-Encoding", None)
        return response

    app.after_request(plain)


def log_answer(wanted: Wanted, logs: Sequence[StoredLog]) -> Response:
    """The logs one after another; several have a line with the job's name before each."""
    parts = segments(logs)
    size = sum(part.size for part in parts)
    etag = f'W/"{_digest(logs)}"'
    headers = HEADERS | {
        "ETag": etag,
        "Content-Disposition": f'inline; filename="{_filename(wanted, logs)}"',
        "X-Log-Complete": _flag(all(log.is_complete for log in logs)),
        "X-Log-Truncated": _flag(any(log.is_truncated for log in logs)),
        "X-Log-Masked": str(sum(log.masked for log in logs)),
    }
    if request.if_none_match.contains_weak(etag[3:-1]):
        return Response(status=304, headers=headers)
    # A tag of ours is weak, and a weak one never keeps a range valid: with If-Range all of it is sent again.
    asked = request.headers.get("Range") if "If-Range" not in request.headers else None
    start, end, status = 0, size, 200
    if asked is not None:
        start, end = read_range(asked, size)
        status = 206
        headers |= {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Encoding": "identity"}
    headers["Content-Length"] = str(end - start)
    body = stream(services().engine, parts, start, end)
    return Response(body, status, headers, content_type="text/plain; charset=utf-8")


def segments(logs: Sequence[StoredLog]) -> list[Segment]:
    """The logs in order, with a line before each when there are several."""
    parts = []
    for place, log in enumerate(logs):
        if len(logs) > 1:
            words = f"{'' if place == 0 else chr(10)}==> {_UNPRINTABLE.sub('?', log.name) or 'log'} <==\n".encode()
            parts.append(Segment(len(words), words=words))
        parts.append(Segment(log.text_bytes, log=log))
    return parts


def stream(engine: Engine, parts: Sequence[Segment], start: int, end: int) -> Iterator[bytes]:
    """The bytes from `start` to before `end`, read in pieces, each in a short transaction of its own.

    A log that is replaced meanwhile ends the answer early, and the client sees that it is short.
    """
    offset = 0
    for part in parts:
        first, last = max(start - offset, 0), min(end - offset, part.size)
        offset += part.size
        for place in range(first, last, _PIECE_BYTES):
            until = min(place + _PIECE_BYTES, last)
            if part.log is None:
                yield part.words[place:until]
            else:
                with reading(engine) as opened:
                    piece = read_piece(opened.session, part.log, place, until)
                yield piece
                time.sleep(0)  # let the other requests of this worker go on


def read_range(header: str, size: int) -> tuple[int, int]:
    """The first byte asked for and the one after the last; raises a 416 problem that says what would be answered."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        raise _unsatisfiable("Range must be one range of bytes, such as bytes=0-65535.", size)
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        # Without an end it means: as much as there is for one answer; Content-Range says how far that was.
        end = min(int(match[2]) + 1 if match[2] else start + MOST_RANGE_BYTES, size)
    if start >= end:
        raise _unsatisfiable(f"Range lies outside the log, which has {size} bytes.", size)
    if end - start > MOST_RANGE_BYTES:
        words = f"A range holds at most {MOST_RANGE_BYTES} bytes; without Range all of the log is sent."
        raise _unsatisfiable(words, size)
    return start, end


def _unsatisfiable(words: str, size: int) -> Problem:
    errors = [{"in": "header", "field": "Range", "message": words}]
    return Problem(416, words, errors=errors, headers={"Content-Range": f"bytes */{size}"})


def _digest(logs: Sequence[StoredLog]) -> str:
    told = blake2b(digest_size=12)
    for log in logs:
        told.update(f"{log.part}\0{log.name}\0{log.is_complete}\0".encode())
        told.update(log.sha256)
    return told.hexdigest()


def _filename(wanted: Wanted, logs: Sequence[StoredLog]) -> str:
    is_one = len(logs) == 1 and logs[0].part.isascii() and logs[0].part.isalnum()
    job = f"-job-{logs[0].part[:40]}" if is_one else ""
    return f"build-{wanted.build_id}-attempt-{wanted.attempt}{job}.log"


def _flag(value: bool) -> str:
    return "true" if value else "false"
