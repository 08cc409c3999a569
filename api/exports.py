"""Lists as files: comma-separated values and JSON lines, written while they are read, however long they are."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import structlog
from flask import Response
from sqlalchemy import Engine

from api.auth import principal
from api.export_columns import columns_of, header, values_by
from api.export_room import Place, take_place
from api.file_format import FileFormat
from api.listing import Listing, Part
from api.services import read, services
from shared.csv_text import csv_lines
from shared.reading import reading
from shared.rows import Row
from shared.wire import encode

PAGE_ROWS = 500
"""How many rows one short transaction reads."""

_PIECE_ROWS = 100

Write = Callable[[Sequence[Row]], bytes]

log = structlog.get_logger()


def exported(listing: Listing, query: Mapping[str, Any]) -> Response | None:
    """The list as the file that a loaded query asks for; None when it asks for a page of JSON.

    The first rows are read before anything is answered, so that what is wrong is still told as a problem; as one that
    passes when as many files are being written as a process writes at a time.
    """
    form = FileFormat(query["format"])
    if form is FileFormat.JSON:
        return None
    most = query.get("limit")
    after = listing.begins_after(query)
    place = take_place()
    try:
        with read(is_one_snapshot=True) as opened:
            listing.depends_on(opened.session)
            part = listing.read(opened, _page_rows(most), after)
            as_of = opened.as_of
    except BaseException:
        place.leave()
        raise
    rows = _following(services().engine, listing, part, most, place)
    headers = {
        "Content-Disposition": f'attachment; filename="{_file_name(listing.name, as_of, form)}"',
        "X-As-Of": encode(as_of).decode().strip('"'),
        "Cache-Control": "no-store",
        # A proxy that keeps a whole file before it hands it on would only fill its disk.
        "X-Accel-Buffering": "no",
    }
    body = _told(_written(rows, listing, form), place, list=listing.name, format=str(form), by=principal().name)
    response = Response(body, headers=headers, content_type=form.content_type)
    # Of a body that was never begun, as for HEAD, nothing would be heard again.
    response.call_on_close(place.leave)
    return response


def _page_rows(left: int | None) -> int:
    return PAGE_ROWS if left is None else min(PAGE_ROWS, left)


def _following(engine: Engine, listing: Listing, part: Part, most: int | None, place: Place) -> Iterator[list[Row]]:
    """The rows of a list from a first part on, each part read in a transaction of its own.

    No connection is held while a reader takes its time. Where a filter lets little through, part after part may be
    empty: then nothing is sent that would fail, so it is looked whether the reader is still there.
    """
    left = most
    while True:
        yield part.rows
        left = None if left is None else left - len(part.rows)
        if part.next is None or left == 0:
            return
        if not part.rows:
            place.check_reader()
        with reading(engine, is_one_snapshot=True) as opened:
            part = listing.read(opened, _page_rows(left), part.next)


def _written(parts: Iterator[list[Row]], listing: Listing, form: FileFormat) -> Iterator[bytes]:
    """The file, piece by piece; the header first, which is the same for a list without rows."""
    write: Write = _as_json_lines
    if form is FileFormat.CSV:
        columns = columns_of(listing.shape)
        values = values_by(columns)
        yield csv_lines([header(columns)])

        def write(rows: Sequence[Row]) -> bytes:
            return csv_lines(map(values, rows))

    for rows in parts:
        for place in range(0, len(rows), _PIECE_ROWS):
            yield write(rows[place : place + _PIECE_ROWS])
            time.sleep(0)  # let the other requests and sockets of this worker go on


def _as_json_lines(rows: Sequence[Row]) -> bytes:
    return b"".join(chain.from_iterable((encode(row), b"\n") for row in rows))


def _told(pieces: Iterator[bytes], place: Place, **what: str) -> Iterator[bytes]:
    """The pieces as they are; the log has who took what, and how it ended.

    What fails on the way goes on up: the server then breaks the connection, and no client takes the part for the
    whole.
    """
    size, end = 0, "abandoned"
    try:
        for piece in pieces:
            size += len(piece)
            yield piece
            place.sent()
        end = "whole"
    except BrokenPipeError:
        raise
    except Exception as error:
        end = "broken"
        log.warning("export broke off", bytes=size, error=type(error).__name__, **what)
        raise
    finally:
        place.leave()
        log.info("exported", bytes=size, end=end, **what)


def _file_name(name: str, as_of: datetime, form: FileFormat) -> str:
    return f"{name.replace(' ', '-')}-{as_of:%Y%m%dT%H%M%SZ}.{form}"
