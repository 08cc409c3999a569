"""A factory of logs as they are stored."""

from hashlib import sha256
from typing import Any

from shared.log_blocks import pack
from shared.stored_logs import NewLog


def a_log(text: bytes = b"made\n", **overrides: Any) -> NewLog:
    """The log of job 1000, `test`, complete."""
    content, ends = pack(text)
    fields: dict[str, Any] = {
        "part": "1000",
        "name": "test",
        "place": 0,
        "content": content,
        "block_ends": tuple(ends),
        "text_bytes": len(text),
        "sha256": sha256(text).digest(),
        "is_complete": True,
        "is_truncated": False,
        "masked": 0,
    }
    return NewLog(**(fields | overrides))
