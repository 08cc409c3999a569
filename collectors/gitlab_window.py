"""GitLab's changed pipelines of a stretch of the past, walked backwards by a moving window, never by deep pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from collectors.gitlab_list import Ask, Follow, Row, Walk, read_rows

GRAIN = timedelta(milliseconds=1)
"""What GitLab tells of an instant is cut off to this: a window ends one grain above the last row that was told."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows of one window, latest change first, children among them; below `reached` nothing is told yet."""

    rows: tuple[Row, ...]
    reached: datetime

    def told_with(self, rows: tuple[Row, ...]) -> datetime:
        """From when on everything is told once these rows, and all before them, are."""
        changed_at = rows[-1].updated_at
        return self.reached if changed_at is None else max(self.reached, changed_at + GRAIN)


class Stretches:
    """Everything changed from `since` up to `until`, the latest first, each row once.

    What changes while we read leaves the past for good: the ordinary list has it. Children are in no list but that of
    their own source (`source=parent_pipeline`), which is asked for the same window.
    """

    def __init__(self, ask: Ask, follow: Follow, since: datetime, until: datetime, most_pages: int) -> None:
        self._ask = ask
        self._follow = follow
        self._since = since
        self._until = until
        self._most_pages = most_pages

    def __iter__(self) -> Iterator[Stretch]:
        seen: set[Row] = set()
        ends = self._until
        answer = self._ask(self._window(ends))
        while True:
            rows = read_rows(answer.payload)
            following = answer.links.get("next")
            floor = min((row.updated_at for row in rows if row.updated_at is not None), default=self._since)
            reached = self._since if following is None else min(ends, floor + GRAIN)
            found = [row for row in (*rows, *self._children(reached, ends)) if row not in seen]
            seen.update(found)
            yield Stretch(tuple(sorted(found, key=_changed_at, reverse=True)), reached)
            if following is None:
                return
            # More rows than a page holds may have changed within one grain; then only the link leads on.
            answer = self._ask(self._window(reached)) if reached < ends else self._follow(following)
            ends = reached

    def _children(self, begins: datetime, ends: datetime) -> Iterator[Row]:
        params = {"source": "parent_pipeline", "updated_before": _stamp(ends)}
        for rows in Walk(self._ask, self._follow, begins - GRAIN, params, self._most_pages):
            yield from rows

    def _window(self, ends: datetime) -> dict[str, str | int]:
        return {
            "updated_after": _stamp(self._since),
            "updated_before": _stamp(ends),
            "order_by": "updated_at",
            "sort": "desc",
        }


def _stamp(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S.%f}Z"


def _changed_at(row: Row) -> float:
    return row.updated_at.timestamp() if row.updated_at is not None else 0.0
