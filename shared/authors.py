"""Who caused builds lately."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.rows import Row, rows

LATELY_DAYS = 90

EXAMINED = 2_000
"""How many authors are looked at for one page."""

# Each step is one entry of the index of builds by author, whose first entry of an author is the newest build.
_AUTHORS = f"""
    WITH RECURSIVE newest AS (
        (SELECT b.author, b.queued_at, 1 AS place FROM builds b WHERE b.author > :after
         ORDER BY b.author, b.queued_at DESC, b.id DESC LIMIT 1)
        UNION ALL
        SELECT following.author, following.queued_at, n.place + 1
        FROM newest n CROSS JOIN LATERAL (
            SELECT b.author, b.queued_at FROM builds b WHERE b.author > n.author
            ORDER BY b.author, b.queued_at DESC, b.id DESC LIMIT 1
        ) following
        WHERE n.place < {EXAMINED}
    ),
    fitting AS (
        SELECT author, queued_at, place FROM newest
        WHERE queued_at >= now() - interval '{LATELY_DAYS} days' AND position(lower(:part) IN lower(author)) > 0
        ORDER BY place LIMIT :limit
    )
    SELECT f.author AS name, f.queued_at AS last_queued_at, reached.author AS reached
    FROM (SELECT author FROM newest WHERE place = {EXAMINED}) reached FULL JOIN fitting f ON true ORDER BY f.place
"""


@dataclass(frozen=True, slots=True)
class AuthorPage:
    """Authors by name, and from below which the next page goes on; None: the end. It may be short and have one."""

    rows: list[Row]
    next: str | None


def authors(session: Session, part: str, *, limit: int, after: str = "") -> AuthorPage:
    """At most `limit` authors of builds of the last LATELY_DAYS whose name has `part` in it, whatever its case.

    In the order of the database; each with when the newest build was queued. One statement.
    """
    found = rows(session, _AUTHORS, {"part": part, "after": after, "limit": limit + 1})
    known = [{name: row[name] for name in ("name", "last_queued_at")} for row in found if row["name"] is not None]
    if len(known) > limit:
        return AuthorPage(known[:limit], str(known[limit - 1]["name"]))
    reached = found[0]["reached"] if found else None
    return AuthorPage(known, None if reached is None else str(reached))
