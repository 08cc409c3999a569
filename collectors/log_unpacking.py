"""A process of its own that turns a downloaded log, which may be hostile, into masked and compressed text.

It gets the file as a descriptor (argv) and its orders as JSON (stdin), and answers on stdout: one line of JSON, then
the compressed texts one after another. It opens nothing, writes nowhere, knows no secret but those to be masked, and
has only so much memory and time. Besides the standard library it imports only what is imported in a moment.
"""

import base64
import json
import os
import re
import resource
import signal
import stat
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import BinaryIO
from urllib.parse import quote

from shared.log.redaction import MASK, redact, register_secret
from shared.log_blocks import pack

MEMORY_BYTES = 1024 * 1024 * 1024
WALL_SECONDS = 30

_STEP = 65_536
_LOCAL_HEADER_BYTES = 30
_SMALL = 1024 * 1024
"""A ratio says nothing about less than this."""
_LONGEST_LAST_LINE = 65_536
_ENTRY = re.compile(r"(?:(-?\d{1,9})_)?(.*)\.txt", re.DOTALL)

# What logs hold besides the shapes that every text of ours is searched for.
_IN_LOGS = (
    r"\beyJ[A-Za-z0-9_\-]{8,4096}\.eyJ[A-Za-z0-9_\-]{8,4096}\.[A-Za-z0-9_\-]{8,4096}",  # JSON web tokens
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",  # access keys of AWS
    r"\bnpm_[A-Za-z0-9]{36}\b",
    r"\bpypi-[A-Za-z0-9_\-]{32,}",
    r"\bdckr_pat_[A-Za-z0-9_\-]{20,}",
    r"(?<=[?&](?:sig)=)[A-Za-z0-9%+/=_\-]{16,}",  # signed links
    r"(?<=[?&]X-Amz-Signature=)[0-9a-f]{32,}",
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{1,8000}?-----END [A-Z ]{0,30}PRIVATE KEY-----",
)


class Refused(Exception):
    """The file is not unpacked; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What to make of the file: `form` is `text` or `zip`, `secrets` and `patterns` are masked."""

    form: str
    is_cut: bool
    secrets: Sequence[str]
    patterns: Sequence[str]
    largest_text: int
    most_text: int
    cpu_seconds: int
    most_entries: int = 2_000
    most_ratio: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """One text: how long, where its compressed blocks end, and how long they are together."""

    name: str
    text_bytes: int
    packed_bytes: int
    block_ends: list[int]
    sha256: str
    masked: int
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class Text:
    """What a job printed, as it came; `is_cut` when that is not all of it."""

    name: str
    content: bytes
    is_cut: bool


def read_texts(file: BinaryIO, orders: Orders) -> Iterator[Text]:
    """The texts in a file; raises Refused."""
    if orders.form == "zip":
        yield from read_zip(file, orders)
        return
    content = file.read(orders.largest_text + 1)
    yield Text("", content[: orders.largest_text], orders.is_cut or len(content) > orders.largest_text)


def read_zip(file: BinaryIO, orders: Orders) -> Iterator[Text]:
    """The text of each job in a zip, in the order of their numbers; raises Refused.

    A name is a label and never a path. What lies in folders (the steps, once more) is read only where there is nothing
    else. No entry is trusted about its size: counting happens while inflating, and ends at what is kept.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            _check(entries, archive.start_dir, orders)
            left = orders.most_text
            for name, members in _jobs(entries):
                text = _read_job(archive, name, members, min(left, orders.largest_text), orders)
                left -= len(text.content)
                yield text
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError, OverflowError) as error:
        raise Refused(f"the zip is broken or not what it says ({error})") from error


def _check(entries: list[zipfile.ZipInfo], end: int, orders: Orders) -> None:
    """Refuse what no CI system makes: too many entries, encrypted ones, links, and entries that share their bytes."""
    if len(entries) > orders.most_entries:
        raise Refused(f"the zip has {len(entries):,} entries; at most {orders.most_entries:,} are read")
    begins = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.flag_bits & 0x1:
            raise Refused("the zip is encrypted")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise Refused("the zip holds links")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Refused("the zip is compressed in a way that is not read here")
        if entry.header_offset < begins:
            raise Refused("entries of the zip overlap")
        begins = entry.header_offset + _LOCAL_HEADER_BYTES + entry.compress_size
    if begins > end:
        raise Refused("entries of the zip reach into its directory")


def _jobs(entries: list[zipfile.ZipInfo]) -> Iterator[tuple[str, list[zipfile.ZipInfo]]]:
    """The entries that make up each job's text: `3_build.txt`, or else all of `build/1_checkout.txt` and so on."""
    texts = [entry for entry in entries if not entry.is_dir() and entry.filename.endswith(".txt")]
    top = [entry for entry in texts if "/" not in entry.filename]
    if top:
        yield from ((_label(entry.filename), [entry]) for entry in sorted(top, key=_order))
        return
    folders: dict[str, list[zipfile.ZipInfo]] = {}
    for entry in sorted(texts, key=_order):
        folders.setdefault(_label(entry.filename), []).append(entry)
    yield from folders.items()


def _order(entry: zipfile.ZipInfo) -> tuple[str, int, str]:
    folder, _, name = entry.filename.rpartition("/")
    match = _ENTRY.fullmatch(name)
    return folder, int(match[1]) if match is not None and match[1] else 0, name


def _label(filename: str) -> str:
    folder, _, name = filename.rpartition("/")
    match = _ENTRY.fullmatch(name)
    return (folder or (match[2] if match is not None else name))[:200]


def _read_job(
    archive: zipfile.ZipFile, name: str, members: list[zipfile.ZipInfo], largest: int, orders: Orders
) -> Text:
    content = bytearray()
    for member in members:
        start = len(content)
        with archive.open(member) as inflating:
            while piece := inflating.read(_STEP):
                content += piece
                size = len(content) - start
                if size > _SMALL and size > orders.most_ratio * max(member.compress_size, 1):
                    raise Refused(f"the zip inflates more than {orders.most_ratio} times; no log does")
                if len(content) > largest:
                    return Text(name, bytes(content[:largest]), is_cut=True)
    return Text(name, bytes(content), is_cut=False)


def clean(text: Text, patterns: Sequence[re.Pattern[str]], largest: int) -> tuple[bytes, int, bool]:
    """The text in UTF-8 without NUL and with every secret masked; how many were; and whether it is not all of it."""
    content, is_cut = text.content, text.is_cut
    if is_cut:
        content = _to_last_line(content)
    words = content.decode("utf-8", "replace").replace("\0", "")
    before = words.count(MASK)
    words = redact(words)
    for pattern in patterns:
        words = pattern.sub(MASK, words)
    masked = words.count(MASK) - before
    encoded = words.encode()
    if len(encoded) > largest:
        # Bytes that are no UTF-8 became three each.
        encoded, is_cut = _to_last_line(encoded[:largest]).decode("utf-8", "ignore").encode(), True
    if is_cut:
        encoded += f"\n[Build Observatory: cut here, after {len(encoded):,} bytes]\n".encode()
    return encoded, masked, is_cut


def _to_last_line(content: bytes) -> bytes:
    """The text up to its last whole line: half of a secret looks like none."""
    end = content.rfind(b"\n", max(0, len(content) - _LONGEST_LAST_LINE))
    return content[: end + 1] if end >= 0 else content[: max(0, len(content) - _LONGEST_LAST_LINE)]


def unpack(file: BinaryIO, orders: Orders) -> Iterator[tuple[Unpacked, bytes]]:
    """Every text of a file, masked and in compressed blocks; raises Refused."""
    for value in orders.secrets:
        for form in (value, base64.b64encode(value.encode()).decode(), quote(value, safe="")):
            register_secret(form)
    patterns = [re.compile(pattern, re.DOTALL) for pattern in (*_IN_LOGS, *orders.patterns)]
    for text in read_texts(file, orders):
        content, masked, is_truncated = clean(text, patterns, orders.largest_text)
        packed, ends = pack(content)
        told = Unpacked(
            name=redact(text.name),
            text_bytes=len(content),
            packed_bytes=len(packed),
            block_ends=ends,
            sha256=sha256(content).hexdigest(),
            masked=masked,
            is_truncated=is_truncated,
        )
        yield told, packed


def limit_self(cpu_seconds: int) -> None:
    """So much memory and time and no more, no file to write, nobody to start; beyond that the kernel ends us."""
    os.nice(5)
    signal.alarm(WALL_SECONDS)
    for limit, value in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    # macOS knows the limit and refuses to set it; what is kept is bounded by counting there.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def main() -> None:
    """Do what stdin says with the file whose descriptor is the first argument."""
    orders = Orders(**json.load(sys.stdin))
    limit_self(orders.cpu_seconds)
    answer: dict[str, object]
    packed: list[bytes] = []
    try:
        with os.fdopen(int(sys.argv[1]), "rb") as file:
            found = list(unpack(file, orders))
        answer = {"texts": [asdict(told) for told, _ in found]}
        packed = [content for _, content in found]
    except Refused as error:
        answer = {"refused": str(error)}
    except MemoryError:
        answer = {"refused": "the log needs more memory than is given to one"}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    for content in packed:
        sys.stdout.buffer.write(content)


if __name__ == "__main__":
    main()
