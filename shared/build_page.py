"""One page of builds as a statement: how far a walk has looked, and the build objects of what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy.orm import Session

from shared.build_objects import BUILD_COLUMNS, BUILD_JOINS, build_objects
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


@dataclass(frozen=True, slots=True)
class Found:
    """The same before the build objects are read: where its builds stand."""

    builds: list[Position]
    next: Position | None


_NEWEST = "ORDER BY b.queued_at DESC, b.id DESC"

_FOUND = """
    SELECT reached.queued_at AS reached_at, reached.id AS reached_id, page.queued_at, page.id
    FROM (SELECT) one LEFT JOIN reached ON true LEFT JOIN page ON true
    ORDER BY page.queued_at DESC, page.id DESC
"""


def plain_page(session: Session, ids: str, parameters: Mapping[str, object], limit: int) -> BuildPage:
    """The page of a query for ids, newest first, that ends only with the builds; more than `limit` are asked for.

    One statement: few filters lead here, so it is planned before it is asked. What is looked for has many forms, and
    to plan the joins of build objects for each of them takes longer than another statement.
    """
    statement = f"""
        SELECT {BUILD_COLUMNS} FROM (SELECT id FROM ({ids}) found LIMIT :rows) page
        JOIN builds b ON b.id = page.id {BUILD_JOINS} {_NEWEST}
    """
    found = rows(session, statement, {**parameters, "rows": limit + 1})
    cut = _cut([_position(row["queued_at"], row["id"]) for row in found], None, limit)
    return BuildPage(found[:limit], cut.next)


def page_of(session: Session, found: Found) -> BuildPage:
    """The build objects of what was found; one statement, where there are any."""
    ids = [build_id for _, build_id in found.builds]
    objects = build_objects(session, ids) if ids else {}
    return BuildPage([objects[build_id] for build_id in ids], found.next)


def straight(session: Session, ids: str, parameters: Mapping[str, object], limit: int) -> Found:
    """What a query for `id, queued_at`, newest first, finds, that ends only with the builds."""
    found = rows(session, ids, parameters)
    return _cut([_position(row["queued_at"], row["id"]) for row in found], None, limit)


def walked(session: Session, walk: str, parameters: Mapping[str, object], limit: int) -> Found:
    """What a walk finds: common table expressions `page` (`id, queued_at`, more than `limit`) and `reached`.

    `reached` is the position down to which `page` is complete, and empty where the walk came to its end.
    """
    found = rows(session, f"{walk} {_FOUND}", parameters)
    reached_at, reached_id = found[0]["reached_at"], found[0]["reached_id"]
    reached = None if reached_at is None else _position(reached_at, reached_id)
    return _cut([_position(row["queued_at"], row["id"]) for row in found if row["id"] is not None], reached, limit)


def further(one: Found, other: Found) -> Found:
    """The page of the same builds that has come further."""
    is_other = one.next is not None and (other.next is None or other.next < one.next)
    return other if is_other else one


def joined(upper: Found, lower: Found) -> Found:
    """One page of two, where the lower one has been looked for from below where the upper one ended."""
    return Found(upper.builds + lower.builds, lower.next)


def _cut(found: list[Position], reached: Position | None, limit: int) -> Found:
    return Found(found, reached) if len(found) <= limit else Found(found[:limit], found[limit - 1])


def _position(queued_at: object, build_id: object) -> Position:
    assert isinstance(queued_at, datetime)  # noqa: S101 (the column is never NULL)
    return queued_at, as_int(build_id)
