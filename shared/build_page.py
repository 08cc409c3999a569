"""One page of builds as a statement: how far a walk has looked, and the build objects of what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy.orm import Session

from shared.build_objects import BUILD_COLUMNS, BUILD_JOINS
from shared.rows import Row, as_int, rows

Position: TypeAlias = tuple[datetime, int]
"""A place in the order of the lists: a build's `queued_at` and `id`. What comes after it is older."""


@dataclass(frozen=True, slots=True)
class BuildPage:
    """Build objects, newest `(queued_at, id)` first, and from below where the next page goes on; None: the end.

    A page may be short, even empty, with `next` set: so far was looked, and what else there is lies below.
    """

    rows: list[Row]
    next: Position | None


_NEWEST = "ORDER BY b.queued_at DESC, b.id DESC"

_PAGE = f"""
    SELECT reached.queued_at AS reached_at, reached.id AS reached_id, {BUILD_COLUMNS}
    FROM (SELECT) one LEFT JOIN reached ON true LEFT JOIN (page JOIN builds b ON b.id = page.id {BUILD_JOINS}) ON true
    {_NEWEST}
"""


def plain_page(session: Session, ids: str, parameters: Mapping[str, object], limit: int) -> BuildPage:
    """The page of a query for ids, newest first, that ends only with the builds; `limit + 1` are asked for."""
    statement = f"SELECT {BUILD_COLUMNS} FROM ({ids}) page JOIN builds b ON b.id = page.id {BUILD_JOINS} {_NEWEST}"
    return _cut(rows(session, statement, parameters), None, limit)


def walked_page(session: Session, walk: str, parameters: Mapping[str, object], limit: int) -> BuildPage:
    """The page of a walk: common table expressions `page` (the ids, `limit + 1` at most) and `reached`.

    `reached` is the position down to which `page` is complete, and empty where the walk came to its end.
    """
    found = rows(session, f"{walk} {_PAGE}", parameters)
    queued_at, build_id = found[0]["reached_at"], found[0]["reached_id"]
    for row in found:
        del row["reached_at"], row["reached_id"]
    reached = (queued_at, as_int(build_id)) if isinstance(queued_at, datetime) else None
    return _cut([row for row in found if row["id"] is not None], reached, limit)


def further(one: BuildPage, other: BuildPage) -> BuildPage:
    """The page of the same builds that has come further."""
    is_other = one.next is not None and (other.next is None or other.next < one.next)
    return other if is_other else one


def _cut(found: list[Row], reached: Position | None, limit: int) -> BuildPage:
    if len(found) <= limit:
        return BuildPage(found, reached)
    last = found[limit - 1]
    queued_at = last["queued_at"]
    assert isinstance(queued_at, datetime)  # noqa: S101 (the column is never NULL)
    return BuildPage(found[:limit], (queued_at, as_int(last["id"])))
