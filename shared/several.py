"""Several values as the one text of a parameter: with commas between them, and a backslash before what is no comma."""

import re
from collections.abc import Iterable

_PART = re.compile(r"(?:\\[\\,]|[^,])*")
_ESCAPED = re.compile(r"\\([\\,])")
_SPECIAL = re.compile(r"[\\,]")


def joined(values: Iterable[str]) -> str:
    """The values with commas between them, and a backslash before each comma and each backslash within one."""
    return ",".join(_SPECIAL.sub(r"\\\g<0>", value) for value in values)


def split(text: str) -> list[str]:
    """What `joined` was given. A backslash before anything else stands for itself."""
    found, place = [], 0
    while True:
        part = _PART.match(text, place)
        assert part is not None  # noqa: S101 (it matches nothing, too)
        found.append(_ESCAPED.sub(r"\1", part.group()))
        place = part.end() + 1
        if place > len(text):
            return found
