"""How the providers' words map to ours, as tables: `python -m collectors.words docs/providers.md` renews them there."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from collectors import COLLECTORS
from shared.status import Status

_PLACE = re.compile(r"(<!-- words: (\w+) -->\n)(?:.*?)(<!-- end of words -->)", re.DOTALL)


def renewed(page: str) -> str:
    """The page with the table of each provider it has a place for; raises KeyError for a provider nobody knows."""
    return _PLACE.sub(lambda found: f"{found[1]}\n{table(COLLECTORS[found[2]].words)}\n{found[3]}", page)


def table(words: Mapping[str, Mapping[str, Status]]) -> str:
    """One row for each of our statuses that a provider has words for, one column for each field that says them."""
    rows = ["| ours | " + " | ".join(words) + " |", "|---" * (len(words) + 1) + "|"]
    for status in Status:
        cells = [", ".join(f"`{word}`" for word, ours in field.items() if ours is status) for field in words.values()]
        if any(cells):
            rows.append(f"| {status} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text()))
