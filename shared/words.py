"""Text as words that can be searched: what is stored and what is asked for are taken apart by the same rule. Pure."""

import re
from collections.abc import Iterable
from unicodedata import normalize

MOST_WORDS = 60
MOST_CHARACTERS = 40

_WORD = re.compile(r"[^\W_]+")


def words_of(texts: Iterable[str | None]) -> list[str]:
    """The distinct words of the texts, in order: runs of letters and digits, folded, so that case does not matter.

    At most MOST_WORDS; a longer word than MOST_CHARACTERS counts as its beginning, which is how a commit's whole hash
    is found.
    """
    found: dict[str, None] = {}
    for text in texts:
        if text:
            for match in _WORD.finditer(normalize("NFKC", text).casefold()):
                found[match[0][:MOST_CHARACTERS]] = None
                if len(found) == MOST_WORDS:
                    return list(found)
    return list(found)
