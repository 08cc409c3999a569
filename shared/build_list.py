"""Lists of builds, newest first: whatever is filtered, a page reads a bounded number of rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from shared.build_filter import BuildFilter, Conditions, conditions_of
from shared.build_page import BuildPage, Found, Position, further, joined, page_of, plain_page, straight, walked
from shared.build_walks import EVERYTHING, FEW_STREAMS, Walk, walks
from shared.build_words import words_walk
from shared.rows import as_int, rows
from shared.scope import pipelines_in

EXAMINED = 1000
"""How many builds a walk looks into, to see whether they fit, before it gives a short page; twice a longer page."""

GLIMPSED = 128
"""The same before the index of words is asked: as many as show whether words are common."""

EXAMINED_FOR_WORDS = 500
"""The same below that glimpse, where it goes on: the words of each lie in another table."""

COMMON = 10
"""Where one of so many builds has the words, the next ones are looked into as well: the index would find hundreds."""

COMMON_ON_WALK = 32
"""The same on the walk of another filter: the index of words would find builds that do not fit that filter."""

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

    @property
    def most(self) -> int:
        """How many builds a statement looks for: the next power of two, so that all limits are a few statements.

        It is no parameter: a plan kept for any limit expects a tenth of all builds and reads the whole table.
        """
        return 1 << self.limit.bit_length()


def list_builds(session: Session, wanted: BuildFilter, *, limit: int, after: Position | None = None) -> BuildPage:
    """At most `limit` build objects, newest `(queued_at, id)` first, from below `after` on.

    Both halves of the position never change once a build is recorded, so pages neither repeat nor skip a build that
    was there when the first page was read. Where few of many builds fit, a page is short and `next` goes on. One
    statement for one filter, one more each for a scope, for several filters, where words are rare, and for the objects
    of builds that had to be looked for.
    """
    pipelines = pipelines_in(session, wanted.scope)
    if pipelines == []:
        return BuildPage([], None)
    conditions = conditions_of(wanted)
    conditions = conditions if pipelines is None else conditions.in_pipelines(pipelines)
    asked = _Asked(session, conditions if after is None else conditions.after(after), limit)
    ways = walks(wanted, pipelines)
    if (walk := _straight(asked, ways)) is not None:
        return plain_page(session, _newest(asked, walk), asked.conditions.parameters, limit)
    return page_of(session, _found(asked, wanted, ways))


def _straight(asked: _Asked, ways: Sequence[Walk]) -> Walk | None:
    """The walk of which every entry fits, in few places: nothing has to be looked for. None: there is none."""
    fitting = [walk for walk in ways or [EVERYTHING] if _fits(asked, walk)]
    is_short = bool(fitting) and fitting[0].streams * asked.most <= ENTRIES
    return fitting[0] if is_short and min(walk.streams for walk in ways or fitting) <= FEW_STREAMS else None


def _found(asked: _Asked, wanted: BuildFilter, ways: Sequence[Walk]) -> Found:
    """The builds of a page, looked for."""
    for name, (values, where) in _GATHERED_BY.items():
        if getattr(wanted, name) and (found := _gathered(asked, values, where)) is not None:
            return found
    if wanted.text is not None:
        return _with_words(asked, ways)
    return _walked(asked, ways, _examined(asked))


def _with_words(asked: _Asked, ways: Sequence[Walk]) -> Found:
    """The page of builds that have words: a glimpse at the newest, and below it the way that suits what it shows."""
    short = [walk for walk in ways if walk.streams <= FEW_STREAMS]
    walk, common = (_best(asked, short, _examined(asked)), COMMON_ON_WALK) if short else (EVERYTHING, COMMON)
    seen = _by(asked, walk, GLIMPSED)
    if seen.next is None or len(seen.builds) == asked.limit:
        return seen
    below = replace(asked, conditions=asked.conditions.after(seen.next), limit=asked.limit - len(seen.builds))
    if len(seen.builds) * common < GLIMPSED:
        rest = _by_words(below)
        if rest.next is None or rest.next < seen.next:
            return joined(seen, rest)
    return joined(seen, _walked(below, [walk] if short else ways, _examined(asked, EXAMINED_FOR_WORDS)))


def _examined(asked: _Asked, least: int = EXAMINED) -> int:
    return max(least, 2 * asked.limit)


def _walked(asked: _Asked, ways: Sequence[Walk], examined: int) -> Found:
    """The page by the walk that comes furthest; the newest of all are tried before many places are entered."""
    if not ways:
        return _by(asked, EVERYTHING, examined)
    if min(walk.streams for walk in ways) <= FEW_STREAMS:
        return _by(asked, _best(asked, ways, examined), examined)
    found = _by(asked, EVERYTHING, examined)
    if found.next is None or len(found.builds) == asked.limit:
        return found
    return further(found, _by(asked, _best(asked, ways, examined), examined))


def _by(asked: _Asked, walk: Walk, examined: int) -> Found:
    """The page by one walk."""
    does_fit = _fits(asked, walk)
    if does_fit and walk.streams * asked.most <= ENTRIES:
        return straight(asked.session, _newest(asked, walk), asked.conditions.parameters, asked.limit)
    ahead = max(1, (ENTRIES if does_fit else examined) // walk.streams)
    return walked(asked.session, _walk(asked, walk, ahead), asked.conditions.parameters, asked.limit)


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
    """The ids of a walk whose every entry fits."""
    where = " AND ".join([walk.where, *asked.conditions.within(walk.queued_at, walk.id)])
    order = f"ORDER BY queued_at DESC, id DESC LIMIT {asked.most:d}"
    entries = f"SELECT {walk.queued_at} AS queued_at, {walk.id} AS id FROM {walk.index} WHERE {where} {order}"
    return f"SELECT b.id, b.queued_at FROM {walk.values} AS seek(value) CROSS JOIN LATERAL ({entries}) b {order}"


def _walk(asked: _Asked, walk: Walk, ahead: int) -> str:
    """A walk that stops in each stream after `ahead` entries, or earlier with a page of what fits.

    The entry at which a stream stopped comes along even if it does not fit: above the newest of these all is known.
    """
    # Where every entry fits, the builds behind them are not looked at.
    does_fit = _fits(asked, walk)
    fits = "true" if does_fit else " AND ".join(asked.conditions.besides(walk.serves))
    where = " AND ".join([walk.where, *asked.conditions.within(walk.queued_at, walk.id)])
    newest, limit = f"ORDER BY {walk.queued_at} DESC, {walk.id} DESC", asked.most
    return f"""
        WITH seen AS MATERIALIZED (
            SELECT stream.* FROM {walk.values} AS seek(value) CROSS JOIN LATERAL (
                SELECT * FROM (
                    SELECT {walk.queued_at} AS queued_at, {walk.id} AS id, {fits} AS fits,
                           row_number() OVER ({newest}) AS nth
                    FROM {walk.index if does_fit else walk.builds} WHERE {where} {newest} LIMIT {ahead:d}
                ) entries WHERE fits OR nth = {ahead:d} ORDER BY queued_at DESC, id DESC LIMIT {limit:d}
            ) stream
        ), reached AS (
            SELECT queued_at, id FROM seen WHERE nth = {ahead:d} ORDER BY queued_at DESC, id DESC LIMIT 1
        ), page AS (
            SELECT id, queued_at FROM seen WHERE fits
            AND NOT EXISTS (SELECT FROM reached r WHERE (seen.queued_at, seen.id) < (r.queued_at, r.id))
            ORDER BY queued_at DESC, id DESC LIMIT {limit:d}
        )
    """


def _gathered(asked: _Asked, values: str, where: str) -> Found | None:
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
            SELECT b.id, b.queued_at FROM gathered b WHERE {fits} AND NOT EXISTS (SELECT FROM reached)
            ORDER BY b.queued_at DESC, b.id DESC LIMIT {asked.most:d}
        )
    """
    found = walked(asked.session, walk, asked.conditions.parameters, asked.limit)
    return found if found.builds or found.next is None else None


def _by_words(asked: _Asked) -> Found:
    """The page by the index of words."""
    # Another chunk for the sake of a round number may hold a thousand builds.
    parameters = {**asked.conditions.parameters, "rows": asked.limit + 1}
    return walked(asked.session, words_walk(asked.conditions, asked.most), parameters, asked.limit)
