"""An answer's body under a size limit: inflated while counting, read as strict JSON."""

import json
import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from shared.errors import MalformedPayload

_STEP = 65_536
_LONGEST_INTEGER = 40


@dataclass(frozen=True, slots=True)
class Impossible:
    """Stands where a number stood that is none (NaN, 1e999, endless digits): no reader takes it for a value."""

    text: str


class TooLarge(MalformedPayload):
    """The body passed its limit; reading stopped there."""


class Truncated(MalformedPayload):
    """The body ends too early: another try may get all of it."""


def read_limited(chunks: Iterable[bytes], *, is_gzip: bool, limit: int) -> bytes:
    """The whole body, inflated if need be; raises TooLarge once it passes `limit` bytes, Truncated on a torn gzip.

    Counting happens while inflating: a body of 48 KB can hold 50 MB of zeros.
    """
    body = bytearray()
    for piece in _inflated(chunks) if is_gzip else chunks:
        body += piece
        if len(body) > limit:
            raise TooLarge(f"more than {limit:,} bytes")
    return bytes(body)


def copy_limited(chunks: Iterable[bytes], into: BinaryIO, *, is_gzip: bool, limit: int) -> tuple[int, bool]:
    """Write the body to a file, at most `limit` bytes of it; returns how many, and whether there was more."""
    size = 0
    for piece in _inflated(chunks) if is_gzip else chunks:
        into.write(piece[: limit - size])
        size += len(piece)
        if size > limit:
            return limit, True
    return size, False


def _inflated(chunks: Iterable[bytes]) -> Iterable[bytes]:
    stream = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        rest = chunk
        while rest and not stream.eof:
            try:
                yield stream.decompress(rest, _STEP)
            except zlib.error as error:
                raise Truncated(f"broken gzip ({error})") from error
            rest = stream.unconsumed_tail
    yield stream.flush(_STEP)
    if not stream.eof:
        raise Truncated("gzip that ends too early")


def parse_json(body: bytes) -> object:
    """The JSON value in a body; Truncated where it does not parse, MalformedPayload where it is nested without end.

    One poisoned row must not cost the page: a lone surrogate stays in its text, bytes that are no UTF-8 become
    U+FFFD, a number that is none becomes `Impossible`. That is why the standard library's generous parser is used.
    """
    try:
        return json.loads(
            body.decode("utf-8", "replace"), parse_constant=Impossible, parse_float=_float, parse_int=_int
        )
    except json.JSONDecodeError as error:
        raise Truncated(f"no complete JSON ({error.msg} at character {error.pos:,} of {len(body):,} bytes)") from error
    except RecursionError:
        raise MalformedPayload("JSON nested too deeply") from None


def _float(text: str) -> float | Impossible:
    number = float(text)
    return number if math.isfinite(number) else Impossible(text[:_LONGEST_INTEGER])


def _int(text: str) -> int | Impossible:
    # No provider's number is that long, and beyond 4,300 digits Python itself refuses.
    return int(text) if len(text) <= _LONGEST_INTEGER else Impossible(text[:_LONGEST_INTEGER])
