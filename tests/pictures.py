"""Pictures of pages for the docs: chromium looks, and the PNG is cut to the page's height and to few colours."""

import struct
import subprocess
import tempfile
import zlib
from collections import Counter
from itertools import pairwise
from pathlib import Path

LARGEST_BYTES = 150_000
_COLOURS = 32
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def take_picture(html: str, target: Path, *, width: int, height: int = 2_000) -> None:
    """The page as a PNG of at most LARGEST_BYTES, two pixels for each of its own; what is empty below is cut off."""
    with tempfile.TemporaryDirectory() as scratch:
        page, shot = Path(scratch) / "page.html", Path(scratch) / "page.png"
        page.write_text(html)
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--force-device-scale-factor=2"]
        size = f"--window-size={width},{height}"
        command = ["chromium", *options, size, f"--screenshot={shot}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        picture = _with_few_colours(_cut(_rows(shot.read_bytes())), _COLOURS)
    if len(picture) > LARGEST_BYTES:
        raise ValueError(f"{target.name} has {len(picture)} bytes; draw less")
    target.write_bytes(picture)


def with_few_colours(png: bytes, most: int) -> bytes:
    """The same picture with so many colours at most, and therefore small."""
    return _with_few_colours(_rows(png), most)


def _rows(png: bytes) -> list[bytes]:
    """Each row's pixels, three bytes a pixel."""
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    if (depth, colour) not in {(8, 2), (8, 6)}:
        raise ValueError("chromium draws with 8 bits a channel, with transparency or without")
    step = 3 if colour == 2 else 4
    packed, place = b"", len(_SIGNATURE)
    while place < len(png):
        (size,), kind = struct.unpack(">I", png[place : place + 4]), png[place + 4 : place + 8]
        packed += png[place + 8 : place + 8 + size] if kind == b"IDAT" else b""
        place += size + 12
    content, length, above, rows = zlib.decompress(packed), width * step, bytes(width * step), []
    for start in range(0, height * (length + 1), length + 1):
        above = _unfiltered(content[start], bytearray(content[start + 1 : start + 1 + length]), above, step)
        rows.append(above if step == 3 else _opaque(above))
    return rows


def _unfiltered(kind: int, row: bytearray, above: bytes, step: int) -> bytes:
    """The row's bytes, of which the file holds the differences to the neighbours that `kind` says."""
    if kind == 0:
        return bytes(row)
    for place, value in enumerate(row):
        left = row[place - step] if place >= step else 0
        up, corner = above[place], above[place - step] if place >= step else 0
        near = (0, left, up, (left + up) // 2, _paeth(left, up, corner) if kind == 4 else 0)[kind]
        row[place] = (value + near) & 255
    return bytes(row)


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda near: abs(guess - near))


def _opaque(row: bytes) -> bytes:
    kept = bytearray(len(row) // 4 * 3)
    for channel in range(3):
        kept[channel::3] = row[channel::4]
    return bytes(kept)


def _cut(rows: list[bytes]) -> list[bytes]:
    """Without the empty rows at the end, but for a margin."""
    last = max((number for number, (one, other) in enumerate(pairwise(rows)) if one != other), default=0)
    return rows[: last + 36]


def _with_few_colours(rows: list[bytes], most: int) -> bytes:
    """A PNG whose colours are those that there is most of; the others become the nearest one."""
    counted: Counter[bytes] = Counter()
    for row in rows:
        counted.update(row[place : place + 3] for place in range(0, len(row), 3))
    palette = [colour for colour, _ in counted.most_common(most)]
    nearest = {colour: _nearest(colour, palette) for colour in counted}
    lines = (b"\0" + bytes(nearest[row[place : place + 3]] for place in range(0, len(row), 3)) for row in rows)
    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", b"".join(palette)),
        (b"IDAT", zlib.compress(b"".join(lines), 9)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def _nearest(colour: bytes, palette: list[bytes]) -> int:
    def distance(place: int) -> int:
        return sum((one - other) ** 2 for one, other in zip(colour, palette[place], strict=True))

    return min(range(len(palette)), key=distance)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
