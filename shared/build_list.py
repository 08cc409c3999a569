"""Lists of builds, newest first: whatever is filtered, a page reads a bounded number of rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.build_filter import BuildFilter, Conditions, conditions_of
from shared.build_page import BuildPage, Position, further, plain_page, walked_page
from shared.build_walks import EVERYTHING, FEW_STREAMS, Walk, walks
from shared.build_words import words_walk
from shared.rows import as_int, rows
from shared.scope import pipelines_in

EXAMINED = 1000
"""How many builds a walk looks into, to see whether they fit, before it gives a short page; twice a longer page."""

GLIMPSED = 500
"""The same before the index of words is asked: what every tenth build has fills a page by then."""

ENTRIES = 3000
"""How many entries of an index a walk reads where all of them fit anyway."""

GATHERED = 2000
"""How many builds are gathered from an index that is in no order, and sorted."""

# Commits one by one: for several at once Postgres reads all their entries before the first row.
_GATHERED_BY = {
    "commit_sha": ("unnest(CAST(:commit_sha AS text[]))", "b.commit_sha = seek.value"),
    "is_active": ("(VALUES (0))", "NOT b.is_finished"),
    "is_stale": ("(VALUES (0))", "NOT b.is_finished"),
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A page to be read."""

    session: Session
    conditions: Conditions
    limit: int


def list_builds(session: Session, wanted: BuildFilter, *, limit: int, after: Position | None = None) -> BuildPage:
    """At most `limit` build objects, newest `(queued_at, id)` first, from below `after` on.

    Both halves of the position never change once a build is recorded, so pages neither repeat nor skip a build that
    was there when the first page was read. Where few of many builds fit, a page is short and `next` goes on. One
    statement for one filter, one more each for a scope, for several filters and where words are rare.
    """
    pipelines = pipelines_in(session, wanted.scope)
    if pipelines == []:
        return BuildPage([], None)
    conditions = conditions_of(wanted)
    conditions = conditions if pipelines is None else conditions.in_pipelines(pipelines)
    asked = _Asked(session, conditions if after is None else conditions.after(after), limit)
    for name, (values, where) in _GATHERED_BY.items():
        if getattr(wanted, name) and (page := _gathered(asked, values, where)) is not None:
            return page
    page = _walked(asked, walks(wanted, pipelines), GLIMPSED if wanted.text is not None else max(EXAMINED, 2 * limit))
    if wanted.text is None or page.next is None or len(page.rows) == limit:
        return page
    return further(page, _by_words(asked))


def _walked(asked: _Asked, ways: Sequence[Walk], examined: int) -> BuildPage:
    """The page by the walk that comes furthest; the newest of all are tried before many places are entered."""
    if not ways:
        return _by(asked, EVERYTHING, examined)
    if min(walk.streams for walk in ways) <= FEW_STREAMS:
        return _by(asked, _best(asked, ways, examined), examined)
    page = _by(asked, EVERYTHING, examined)
    if page.next is None or len(page.rows) == asked.limit:
        return page
    return further(page, _by(asked, _best(asked, ways, examined), examined))


def _by(asked: _Asked, walk: Walk, examined: int) -> BuildPage:
    """The page by one walk."""
    does_fit = _fits(asked, walk)
    if does_fit and walk.streams * (asked.limit + 1) <= ENTRIES:
        return plain_page(asked.session, _newest(asked, walk), asked.conditions.parameters, asked.limit)
    ahead = max(1, (ENTRIES if does_fit else examined) // walk.streams)
    return walked_page(asked.session, _walk(asked, walk, ahead), asked.conditions.parameters, asked.limit)


def _best(asked: _Asked, ways: Sequence[Walk], examined: int) -> Walk:
    """The walk that comes furthest; one of which every entry fits is not weighed against others."""
    fitting = [walk for walk in ways if _fits(asked, walk)]
    return (fitting or ways)[0] if fitting or len(ways) == 1 else _furthest(asked, ways, examined)


def _fits(asked: _Asked, walk: Walk) -> bool:
    return not asked.conditions.besides(walk.serves)


def _furthest(asked: _Asked, ways: Sequence[Walk], examined: int) -> Walk:
    """Which walk comes furthest by so many entries of its index; the builds behind them are not looked at.

    Whatever another would find on its way, this one finds as well.
    """
    probes = [f"({_probe(asked, place, walk, max(1, examined // walk.streams))})" for place, walk in enumerate(ways)]
    statement = " UNION ALL ".join(probes) + " ORDER BY queued_at, id"
    found = [as_int(row["way"]) for row in rows(asked.session, statement, asked.conditions.parameters)]
    to_the_end = [place for place in range(len(ways)) if place not in found]
    return ways[to_the_end[0] if to_the_end else found[0]]


def _probe(asked: _Asked, place: int, walk: Walk, ahead: int) -> str:
    where = " AND ".join([walk.where, *asked.conditions.within(walk.queued_at, walk.id)])
    newest = f"ORDER BY {walk.queued_at} DESC, {walk.id} DESC"
    last = f"SELECT {walk.queued_at} AS queued_at, {walk.id} AS id FROM {walk.index} WHERE {where} {newest}"
    return f"""
        SELECT {place} AS way, last.queued_at, last.id
        FROM {walk.values} AS seek(value) CROSS JOIN LATERAL ({last} OFFSET {ahead - 1:d} LIMIT 1) last
        ORDER BY last.queued_at DESC, last.id DESC LIMIT 1
    """


def _newest(asked: _Asked, walk: Walk) -> str:
    """The ids of a walk whose every entry fits.

    The limit is no parameter: a plan kept for any limit expects a tenth of all builds and reads the whole table.
    """
    where = " AND ".join([walk.where, *asked.conditions.within(walk.queued_at, walk.id)])
    newest, limit = "ORDER BY queued_at DESC, id DESC", f"LIMIT {asked.limit + 1:d}"
    entries = f"SELECT {walk.queued_at} AS queued_at, {walk.id} AS id FROM {walk.index} WHERE {where} {newest} {limit}"
    return f"SELECT b.id FROM {walk.values} AS seek(value) CROSS JOIN LATERAL ({entries}) b {newest} {limit}"


def _walk(asked: _Asked, walk: Walk, ahead: int) -> str:
    """A walk that stops in each stream after `ahead` entries, or earlier with a page of what fits.

    The entry at which a stream stopped comes along even if it does not fit: above the newest of these all is known.
    """
    fits = " AND ".join(asked.conditions.besides(walk.serves)) or "true"
    where = " AND ".join([walk.where, *asked.conditions.within(walk.queued_at, walk.id)])
    newest, limit = f"ORDER BY {walk.queued_at} DESC, {walk.id} DESC", asked.limit + 1
    return f"""
        WITH seen AS MATERIALIZED (
            SELECT stream.* FROM {walk.values} AS seek(value) CROSS JOIN LATERAL (
                SELECT * FROM (
                    SELECT {walk.queued_at} AS queued_at, {walk.id} AS id, {fits} AS fits,
                           row_number() OVER ({newest}) AS nth
                    FROM {walk.builds} WHERE {where} {newest} LIMIT {ahead:d}
                ) entries WHERE fits OR nth = {ahead:d} ORDER BY queued_at DESC, id DESC LIMIT {limit:d}
            ) stream
        ), reached AS (
            SELECT queued_at, id FROM seen WHERE nth = {ahead:d} ORDER BY queued_at DESC, id DESC LIMIT 1
        ), page AS (
            SELECT id FROM seen WHERE fits
            AND NOT EXISTS (SELECT FROM reached r WHERE (seen.queued_at, seen.id) < (r.queued_at, r.id))
            ORDER BY queued_at DESC, id DESC LIMIT {limit:d}
        )
    """


def _gathered(asked: _Asked, values: str, where: str) -> BuildPage | None:
    """The page from all builds of an index without order; None when they are more than GATHERED."""
    fits = " AND ".join([*asked.conditions.besides(()), *asked.conditions.within()])
    walk = f"""
        WITH gathered AS MATERIALIZED (
            SELECT b.* FROM {values} AS seek(value) CROSS JOIN LATERAL (
                SELECT b.* FROM builds b WHERE {where} LIMIT {GATHERED + 1:d}
            ) b LIMIT {GATHERED + 1:d}
        ), reached AS (
            SELECT b.queued_at, b.id FROM gathered b OFFSET {GATHERED:d} LIMIT 1
        ), page AS (
            SELECT b.id FROM gathered b WHERE {fits} AND NOT EXISTS (SELECT FROM reached)
            ORDER BY b.queued_at DESC, b.id DESC LIMIT {asked.limit + 1:d}
        )
    """
    page = walked_page(asked.session, walk, asked.conditions.parameters, asked.limit)
    return page if page.rows or page.next is None else None


def _by_words(asked: _Asked) -> BuildPage:
    """The page by the index of words."""
    walk = words_walk(asked.conditions, asked.limit + 1)
    return walked_page(asked.session, walk, asked.conditions.parameters, asked.limit)
