"""Text in blocks that are compressed each by itself, so that any piece of it can be read without the rest."""

import zlib
from collections.abc import Iterator

BLOCK_BYTES = 256 * 1024
"""The text of one block."""


def pack(content: bytes) -> tuple[bytes, list[int]]:
    """The text in compressed blocks, and where each of them ends."""
    packed = bytearray()
    ends = []
    for start in range(0, len(content), BLOCK_BYTES):
        packed += zlib.compress(content[start : start + BLOCK_BYTES])
        ends.append(len(packed))
    return bytes(packed), ends


def inflate(blocks: bytes) -> Iterator[bytes]:
    """What consecutive blocks hold, block by block."""
    rest = blocks
    while rest:
        stream = zlib.decompressobj()
        yield stream.decompress(rest)
        rest = stream.unused_data
