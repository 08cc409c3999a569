"""Builds found by their words: how the words are stored, and the question put to them."""

from collections.abc import Sequence

CHUNK_SECONDS = 8 * 3600

CHUNK_SQL = f"(floor(extract(epoch FROM {{queued_at}}))::bigint / {CHUNK_SECONDS})"
"""The eight hours an instant lies in, as a number; SQL to be formatted with the column's name."""

PREFIX_SQL = "lpad(to_hex({chunk}), 5, '0')"
"""What every word of a chunk's builds begins with: five hexadecimal digits."""


def question(words: Sequence[str]) -> str:
    """A tsquery in which `@` stands for the chunk's prefix: each word may be the beginning of one of the build's.

    Words are letters and digits alone (`shared.words`), so nothing in them has a meaning to Postgres.
    """
    return " & ".join(f"'@{word}':*" for word in words)
