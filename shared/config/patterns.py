"""Entries of `watch` that stand for many: `owner/*`, `group/**`, `/folder/**`, and `!owner/archived-*` against them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_PART = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+")
_AS_REGEX = {"**/": "(?:.*/)?", "**": ".+", "*": "[^/]*", "?": "[^/]"}
_GLOB = re.compile(r"[*?]")


def is_exclusion(entry: str) -> bool:
    """Whether an entry takes away from what the patterns beside it find."""
    return entry.startswith("!")


def is_pattern(entry: str) -> bool:
    """Whether an entry stands for whatever it matches at the provider, and not for one source."""
    return not is_exclusion(entry) and _GLOB.search(entry) is not None


def matches(pattern: str, scope: str) -> bool:
    """Whether a scope is one of those a pattern stands for; `*` and `?` stay within a level, `**` does not.

    Case is ignored, as every provider does in its names; a leading `/` or `!` means nothing here.
    """
    return _regex(pattern).fullmatch(scope) is not None


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    parts = _PART.findall(pattern.lstrip("!/"))
    return re.compile("".join(_AS_REGEX.get(part, re.escape(part)) for part in parts), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern taken apart: what is listed (`base`, "" for everything) and whether what lies deeper belongs to it."""

    text: str
    base: str
    is_deep: bool

    def matches(self, scope: str) -> bool:
        """Whether it stands for this scope."""
        return matches(self.text, scope)


def parse_pattern(text: str) -> Pattern:
    """`group/web/**` is everything below `group/web`; `group/*` is what lies directly in `group`."""
    levels = text.lstrip("/").split("/")
    fixed = next(place for place, level in enumerate(levels) if _GLOB.search(level))
    rest = levels[fixed:]
    return Pattern(text, "/".join(levels[:fixed]), is_deep=len(rest) > 1 or "**" in rest[0])


def finder(patterns: Iterable[str], exclusions: Iterable[str], scope: str) -> str | None:
    """The first pattern that stands for a scope which nothing excludes."""
    if any(matches(exclusion, scope) for exclusion in exclusions):
        return None
    return next((pattern for pattern in patterns if matches(pattern, scope)), None)
