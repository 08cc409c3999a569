"""The process that reads downloaded logs: what it takes, what it refuses, and that nothing hostile gets further."""

import io
import struct
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.base import LogForm, RawLog
from collectors.log_process import PackedText, unpack
from shared.errors import MalformedPayload
from shared.log.redaction import register_secret
from shared.log_blocks import inflate
from tests.collectors.log_stand import a_zip


def read(
    content: bytes, form: LogForm = LogForm.TEXT, patterns: tuple[str, ...] = (), **options: int
) -> list[PackedText]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        return list(unpack(RawLog(file=file, form=form), patterns, **options))


def text_of(packed: PackedText) -> str:
    return b"".join(inflate(packed.content)).decode()


def test_text_stays_as_it_is_but_for_nul_and_what_is_no_utf8() -> None:
    (text,) = read("\ufeff\x1b[31mrot\x1b[0m\r<b>ä</b>\x00\n".encode() + b"\xff\n")

    assert text_of(text) == "\ufeff\x1b[31mrot\x1b[0m\r<b>ä</b>\n\ufffd\n"
    assert (text.told.masked, text.told.is_truncated) == (0, False)
    assert text.told.text_bytes == len(text_of(text).encode())


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
        ("remote: https://x-access-token:ghs_abcdefghij0123456789@github.com/a/b", "ghs_abcdefghij"),
        ("glpat-abcdefghij0123456789", "glpat-abcdefghij"),
        ("npm_" + "a1" * 18, "a1a1a1"),
        ("aws AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijkl", "eyJzdWIi"),
        ("GET https://kept.example/log?sig=abcdefghijklmnopqrst&x=1", "abcdefghijklmnop"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n12\n-----END RSA PRIVATE KEY-----", "MIIEow"),
        ("the secret is known-canary-value!", "known-canary-value"),
        ("and in base64 a25vd24tY2FuYXJ5LXZhbHVlIQ==", "a25vd24tY2FuYXJ5"),
        ("jenkins 11" + "a0" * 16, "a0a0a0"),
    ],
)
def test_secrets_are_masked_by_value_by_shape_and_by_what_the_provider_adds(line: str, secret: str) -> None:
    register_secret("known-canary-value!")

    (text,) = read(f"before\n{line}\nafter\n".encode(), patterns=(r"\b11[0-9a-f]{32}\b",))

    assert secret not in text_of(text)
    assert "[secret]" in text_of(text)
    assert text_of(text).startswith("before\n")
    assert text_of(text).endswith("\nafter\n")
    assert text.told.masked == 1


def test_the_jobs_of_a_zip_come_in_the_order_of_their_numbers() -> None:
    content = a_zip({"10_c.txt": "C", "2_b.txt": "B", "-1_a.txt": "A", "2_b/1_step.txt": "x", "readme.md": "y"})

    texts = read(content, LogForm.ZIP)

    assert [(each.told.name, text_of(each)) for each in texts] == [("a", "A"), ("b", "B"), ("c", "C")]


def test_a_zip_with_steps_only_is_read_by_folder() -> None:
    texts = read(a_zip({"a/2_x.txt": "2", "a/1_y.txt": "1", "b/1_z.txt": "3"}), LogForm.ZIP)

    assert [(each.told.name, text_of(each)) for each in texts] == [("a", "12"), ("b", "3")]


def overlapping() -> bytes:
    """Two entries of the directory that share the bytes of one."""
    with_two = bytearray(a_zip({"0_a.txt": "a" * 100, "1_b.txt": "a" * 100}))
    second = with_two.rindex(b"PK\x01\x02")
    struct.pack_into("<I", with_two, second + 42, 0)  # its local header is the first one's
    return bytes(with_two)


def encrypted() -> bytes:
    content = bytearray(a_zip({"0_a.txt": "a"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def lying(claimed: int) -> bytes:
    """The directory and the header claim another size than the data has."""
    content = bytearray(a_zip({"0_a.txt": "a" * 5000}))
    struct.pack_into("<I", content, 22, claimed)
    struct.pack_into("<I", content, content.index(b"PK\x01\x02") + 24, claimed)
    return bytes(content)


def symlink() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("0_a.txt")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


def crowded() -> bytes:
    return a_zip({f"{number}_x.txt": "" for number in range(2001)})


def bomb_in_many() -> bytes:
    return a_zip({f"{number}_x.txt": b"0" * 3_000_000 for number in range(30)})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (overlapping, "overlap"),
        (encrypted, "encrypted"),
        (symlink, "links"),
        (crowded, "2,001 entries"),
        (bomb_in_many, "inflates more than 200 times"),
        (lambda: lying(10), "broken or not what it says"),
        (lambda: a_zip({"0_a.txt": "a" * 5000})[:-30], "broken"),
        (lambda: b"PK\x05\x06 no zip at all", "broken"),
        (lambda: b"", "broken"),
    ],
)
def test_a_hostile_zip_is_refused_in_words(make: Callable[[], bytes], words: str) -> None:
    began = time.monotonic()

    with pytest.raises(MalformedPayload, match=words):
        read(make(), LogForm.ZIP)

    assert time.monotonic() - began < 15


def test_a_size_that_is_claimed_is_not_believed() -> None:
    (text,) = read(lying(4_000_000_000), LogForm.ZIP)

    assert text.told.text_bytes == 5000


def test_two_jobs_of_one_name_stay_two() -> None:
    texts = read(a_zip({"0_x.txt": "0", "1_x.txt": "1"}), LogForm.ZIP)

    assert [(each.told.name, text_of(each)) for each in texts] == [("x", "0"), ("x", "1")]


def test_a_zip_within_a_zip_stays_closed() -> None:
    inner = a_zip({"0_x.txt": b"\0" * 100_000_000})

    assert read(a_zip({"0_a.txt": "a", "inner.zip": inner}), LogForm.ZIP)[0].told.text_bytes == 1


def test_what_is_kept_of_an_attempt_is_bounded() -> None:
    lines = b"".join(b"%032x\n" % (number * 7919) for number in range(60_000))

    texts = read(a_zip({f"{number}_x.txt": lines for number in range(4)}), LogForm.ZIP, most_text=3_000_000)

    assert [each.told.is_truncated for each in texts] == [False, True, True, True]
    assert sum(each.told.text_bytes for each in texts) < 3_100_000


def test_a_text_made_to_be_searched_for_ever_ends_with_the_process() -> None:
    hostile = b"-----BEGIN PRIVATE KEY-----" * 700_000

    with pytest.raises(MalformedPayload, match="within its limits of time and memory"):
        read(hostile, cpu_seconds=1)


def test_the_process_has_no_environment_of_ours_and_no_file_to_write(tmp_path: Path) -> None:
    # The orders go in by stdin: neither the command line nor the environment of the process tells a secret.
    register_secret("argument-canary-value")

    (text,) = read(b"argument-canary-value\n")

    assert text_of(text) == "[secret]\n"
    assert list(tmp_path.iterdir()) == []
