"""How far back builds are counted one by one, and by which way: no window holds too many, wherever they lie."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from shared.metrics.seek import EACH_BRANCH, EACH_PIPELINE, has_few_pipelines, narrowed, parameters_of, seek_of
from shared.metrics.subject import Subject
from shared.metrics.window import FIRST, LAST
from shared.rows import as_int, rows

MOST_BUILDS = 20_000
"""So many builds are counted one by one where no cell tells them from others; what is older is left out, and said."""

MOST_LOOKED_AT = 60_000
"""So many are looked at for it: of a branch, those of other pipelines; of a pipeline, those of other branches."""

MICROSECOND = timedelta(microseconds=1)

_IN_WINDOW = "x.queued_at >= :first AND x.queued_at < :last"
_NEWEST = "ORDER BY x.queued_at DESC, x.id DESC"


def cut_of(
    session: Session, subject: Subject, first: datetime, last: datetime, most: int = MOST_BUILDS
) -> tuple[Subject, datetime | None]:
    """From where on builds are counted, None: from the first on; and the subject with the way to them.

    Counted are the newest `most` of them all, as far as MOST_LOOKED_AT lead. One statement; one more where others lie
    on the way to them.
    """
    given = parameters_of(subject) | {"first": first, "last": last}
    ways = _ways(subject)
    reached: datetime | None = None
    if any(narrowed(way, "x", seek_of("builds", way)) for way in ways):
        subject, reached = _furthest(session, ways, given)
    (found,) = rows(session, _uncounted(subject, most), given | {"first": reached or first})
    at = found["queued_at"]
    return subject, at + MICROSECOND if isinstance(at, datetime) else reached


def newest_of_branches(session: Session, subject: Subject) -> tuple[str, dict[str, object]]:
    """The query for the id of the newest build, with its parameters: whenever it was, as far as MOST_LOOKED_AT lead.

    One statement, to find the way.
    """
    given = parameters_of(subject) | {"first": FIRST, "last": LAST}
    subject, reached = _furthest(session, _ways(replace(subject, has_cells=False)), given)
    seek = seek_of("builds", subject)
    where = " AND ".join([f"{_IN_WINDOW} {seek.condition}", *narrowed(subject, "x", seek)])
    ids = f"""
        SELECT b.id FROM {seek.each} CROSS JOIN LATERAL (
            SELECT x.id, x.queued_at FROM builds x WHERE {where} {_NEWEST} LIMIT 1
        ) b ORDER BY b.queued_at DESC, b.id DESC LIMIT 1
    """
    return ids, given | {"first": reached or FIRST}


def _ways(subject: Subject) -> list[Subject]:
    """By the pipelines, where they are few, and by the branches, where some are asked for; else by all builds."""
    by_branch = [replace(subject, by_branch=True)] if subject.branch else []
    return [subject, *by_branch] if has_few_pipelines(subject) or not by_branch else by_branch


def _furthest(
    session: Session, ways: Sequence[Subject], given: Mapping[str, object]
) -> tuple[Subject, datetime | None]:
    """The way that gets furthest, or there with fewest builds; and from where on it leads, None: from the first on."""
    probes = " UNION ALL ".join(_probe(place, way) for place, way in enumerate(ways))
    found = rows(session, f"{probes} ORDER BY queued_at NULLS FIRST, builds, way LIMIT 1", given)
    at = found[0]["queued_at"]
    return ways[as_int(found[0]["way"])], at + MICROSECOND if isinstance(at, datetime) else None


def _probe(place: int, way: Subject) -> str:
    """How many builds lie on a way, counted up to the limit, and the newest that is not looked at: NULL below it.

    Of more than the limit each stream has its share; of a filter that names no pipeline there is no stream.
    """
    seek = seek_of("builds", way)
    entries = f"FROM builds x WHERE {_IN_WINDOW} {seek.condition}"
    streams = len(way.branch) if seek is EACH_BRANCH else len(way.pipelines or ()) if seek is EACH_PIPELINE else 1
    share = f"SELECT x.queued_at {entries} {_NEWEST} OFFSET {MOST_LOOKED_AT // max(1, streams):d} LIMIT 1"
    return f"""
        SELECT {place} AS way, few.builds, CASE WHEN few.builds > {MOST_LOOKED_AT:d} THEN (
            SELECT max(e.queued_at) FROM {seek.each} CROSS JOIN LATERAL ({share}) e
        ) END AS queued_at
        FROM (SELECT count(*) AS builds FROM (
            SELECT FROM {seek.each} CROSS JOIN LATERAL (SELECT {entries} OFFSET 0) e LIMIT {MOST_LOOKED_AT + 1:d}
        ) entry) few
    """


def _uncounted(subject: Subject, most: int) -> str:
    """The newest build that is not counted any more, of the sum of all streams; NULL where there is none."""
    seek = seek_of("builds", subject)
    where = " AND ".join([f"{_IN_WINDOW} {seek.condition}", *narrowed(subject, "x", seek)])
    return f"""
        SELECT max(last.queued_at) AS queued_at FROM (
            SELECT b.queued_at FROM {seek.each} CROSS JOIN LATERAL (
                SELECT x.queued_at FROM builds x WHERE {where} {_NEWEST} LIMIT {most + 1:d}
            ) b ORDER BY b.queued_at DESC OFFSET {most:d} LIMIT 1
        ) last
    """
