"""A list of the API: how a page of it is read, told apart from the form in which it is answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from marshmallow import Schema
from sqlalchemy.orm import Session

from api.paging import decode_cursor, encode_cursor
from shared.reading import Reading
from shared.rows import Row
from shared.scope import Scope

Position: TypeAlias = tuple[Any, ...]
"""The values that order a list, of the last row that was looked at."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows in the list's order, and from below which position it goes on; None: that was the end.

    It may be short, even empty, and still not be the end.
    """

    rows: list[Row]
    next: Position | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list: its name in cursors, the shape of an item, and how a part of it is read.

    `position` holds the types of what orders it; `read(opened, limit, after)` reads from the beginning when `after`
    is None. `scope` is what its rows depend on, or what finds that out and raises a 404 problem when there is nothing
    they could lie under. `member` is its name in the answer, where that is another.
    """

    name: str
    shape: type[Schema]
    position: tuple[type, ...] = ()
    read: Callable[[Reading, int, Position | None], Part]
    scope: Scope | Callable[[Session], Scope] | None = None
    member: str | None = None

    def depends_on(self, session: Session) -> Scope | None:
        """What its rows depend on; raises what `scope` raises."""
        return self.scope(session) if callable(self.scope) else self.scope

    def begins_after(self, query: Mapping[str, Any]) -> Position | None:
        """The position that the query's cursor means; a 422 problem when it is none of this list's.

        It is asked for before the database is: what is wrong with the words is said even while that is away.
        """
        return decode_cursor(self.name, self.position, query.get("cursor"))

    def page(self, opened: Reading, limit: int, after: Position | None) -> tuple[list[Row], str | None]:
        """The page from below a position on, and the cursor of the next one."""
        part = self.read(opened, limit, after)
        return part.rows, None if part.next is None else encode_cursor(self.name, part.next)


def keyset(key: Mapping[str, type], fetch: Callable[..., list[Row]], *, start: object = None, **about: Any) -> Listing:
    """A list whose rows carry what orders them, in the columns of `key`; the rest is the listing's own.

    `fetch(session, limit=…, after=…)` gets the one value, or the tuple of several, and `start` at the beginning.
    """
    names = tuple(key)

    def read(opened: Reading, limit: int, after: Position | None) -> Part:
        place = start if after is None else after[0] if len(names) == 1 else after
        return part_of(fetch(opened.session, limit=limit + 1, after=place), limit, names)

    return Listing(position=tuple(key.values()), read=read, **about)


def part_of(rows: list[Row], limit: int, names: Sequence[str]) -> Part:
    """The first `limit` of `limit + 1` rows that were asked for."""
    part = rows[:limit]
    return Part(part, tuple(part[-1][name] for name in names) if len(rows) > limit else None)


def whole(fetch: Callable[[Session], list[Row]], **about: Any) -> Listing:
    """A list that is short enough to have no pages."""
    return Listing(read=lambda opened, _limit, _after: Part(fetch(opened.session), None), **about)


def ranked(name: str, shape: type[Schema], rows: Callable[[Reading], list[Row]]) -> Listing:
    """A list whose order is worked out from all there is, so that it has no pages."""
    return Listing(name=name, shape=shape, read=lambda opened, _limit, _after: Part(rows(opened), None))


def items(answer: Row, key: str) -> list[Row]:
    """The objects in a list within an answer."""
    found = answer[key]
    return [dict(each) for each in found] if isinstance(found, list) else []
