"""Incidents as everyone outside sees them: the one incident object, lists of it, and what lies under one incident."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from shared.incident_status import OPEN, IncidentStatus
from shared.queries import Position, build_objects
from shared.ranges import range_of
from shared.reading import plan_by_values
from shared.rows import Row, as_int, rows
from shared.scope import Scope, pipelines_in
from shared.status import BROKEN, literals

MOST_JOBS_OF_BUILD = 300
"""Of so many jobs of a build those that failed are looked for: a build can have thousands."""

# As the default branch is known now; a build that knows no branch is of the default one.
_IS_DEFAULT_BRANCH = "n.branch IN ('', coalesce(p.default_branch, r.default_branch, ''))"

_BROKEN = literals(BROKEN)

# Single values, not joins, so that they are looked up for the rows of an answer alone, after the sorting.
_FIRST_BAD = f"""
    (SELECT b.author FROM builds b WHERE b.id = n.first_bad_build_id) AS first_bad_author,
    (SELECT j.name
     FROM (SELECT * FROM jobs j WHERE j.build_id = n.first_bad_build_id AND j.attempt = n.first_bad_attempt
           LIMIT {MOST_JOBS_OF_BUILD}) j
     WHERE j.status IN ({_BROKEN}) ORDER BY j.finished_at, j.id LIMIT 1) AS first_bad_job
"""

# Of an open incident the duration is up to the instant of reading. A provider's clock may be ahead of ours.
_COLUMNS = f"""
    n.id, i.provider, i.name AS instance, j.key AS project, r.name AS repository, n.pipeline_id,
    p.name AS pipeline_name, nullif(n.branch, '') AS branch, {_IS_DEFAULT_BRANCH} AS is_default_branch, n.status,
    n.opened_at, n.last_failed_at, n.fixed_at,
    extract(epoch FROM greatest(coalesce(n.fixed_at, now()) - n.opened_at, interval '0'))::float8 AS duration_seconds,
    n.failures, n.flaps, n.is_flaky, n.is_silent,
    n.first_bad_build_id, n.first_bad_attempt, {_FIRST_BAD}, n.last_bad_build_id, n.last_bad_attempt,
    n.last_good_build_id, n.last_good_attempt,
    n.fixed_build_id AS fixed_by_build_id, n.fixed_attempt AS fixed_by_attempt,
    '/api/incidents/' || n.id || '/commits' AS commits_url
"""

_JOINS = """
    JOIN pipelines p ON p.id = n.pipeline_id
    JOIN instances i ON i.id = p.instance_id
    JOIN projects j ON j.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id
"""

_BRANCH_JOINS = "JOIN pipelines p ON p.id = n.pipeline_id LEFT JOIN repositories r ON r.id = p.repository_id"

_SELECT = f"SELECT {_COLUMNS} FROM incidents n {_JOINS}"

_BY_ID = f"{_SELECT} WHERE n.id = ANY(:ids)"

_OPEN = f"{_SELECT} WHERE n.fixed_at IS NULL ORDER BY n.opened_at, n.id LIMIT :limit"

_OPEN_ON_DEFAULT = f"""
    {_SELECT} WHERE n.fixed_at IS NULL AND {_IS_DEFAULT_BRANCH} ORDER BY n.opened_at, n.id LIMIT :limit
"""

_INSTANCE = """
    SELECT i.name FROM incidents n JOIN pipelines p ON p.id = n.pipeline_id JOIN instances i ON i.id = p.instance_id
    WHERE n.id = :incident_id
"""

_RANGE = """
    SELECT p.repository_id, n.branch, n.last_good_build_id AS base_build_id, good.commit_sha AS base_sha,
           bad.commit_sha AS head_sha
    FROM incidents n JOIN pipelines p ON p.id = n.pipeline_id
    LEFT JOIN builds good ON good.id = n.last_good_build_id
    LEFT JOIN builds bad ON bad.id = n.first_bad_build_id
    WHERE n.id = :incident_id
"""

_EVENT_COLUMNS = "pos, kind, version, from_status, to_status, is_backfill, at, recorded_at, data"

_EVENTS = f"""
    SELECT {_EVENT_COLUMNS} FROM events
    WHERE subject_kind = 'incident' AND subject_id = :incident_id AND pos > :after
    ORDER BY pos LIMIT :limit
"""

_NEWEST_EVENTS = f"""
    SELECT * FROM (
        SELECT {_EVENT_COLUMNS} FROM events WHERE subject_kind = 'incident' AND subject_id = :incident_id
        ORDER BY pos DESC LIMIT :limit
    ) newest ORDER BY pos
"""

BUILDS = ("first_bad", "last_bad", "last_good", "fixed_by")
"""The builds an incident names: `<name>_build_id` and `<name>_attempt` are in the incident object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """What a list of incidents is narrowed to; empty says nothing, several values of one filter mean any of them.

    `since` (included) and `until` (excluded) bound `opened_at`, `fixed_since` and `fixed_until` `fixed_at`; `red_since`
    is of those that were not over before it. `is_default_branch` is by the pipelines' default
    branches as they are known now.
    """

    scope: Scope = field(default_factory=Scope)
    branch: tuple[str, ...] = ()
    is_default_branch: bool | None = None
    status: tuple[IncidentStatus, ...] = ()
    fixed_since: datetime | None = None
    fixed_until: datetime | None = None
    red_since: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None


def incident_objects(session: Session, ids: Iterable[int]) -> dict[int, Row]:
    """The incident objects with these ids, by id, in one statement; an id that does not exist is simply absent."""
    return {as_int(row["id"]): row for row in rows(session, _BY_ID, {"ids": sorted(set(ids))})}


def open_incidents(session: Session, *, limit: int, has_all_branches: bool = True) -> list[Row]:
    """The incident objects of what is broken now (on default branches, or on all), the one that lasts longest first."""
    return rows(session, _OPEN if has_all_branches else _OPEN_ON_DEFAULT, {"limit": limit})


def list_incidents(session: Session, wanted: IncidentFilter, *, limit: int, after: Position | None = None) -> list[Row]:
    """At most `limit` incident objects, newest `(opened_at, id)` first, from below `after` on.

    Both halves of the position never change, so pages neither repeat nor skip an incident that was there when the
    first page was read. One statement; two when anything is narrowed, three when the scope is.
    """
    pipelines = pipelines_in(session, wanted.scope)
    if pipelines == []:
        return []
    if wanted != IncidentFilter():
        plan_by_values(session)
    conditions, parameters = _conditions(wanted)
    if pipelines is not None:
        conditions.append("n.pipeline_id = ANY(:pipelines)")
        parameters["pipelines"] = pipelines
    if after is not None:
        conditions.append("(n.opened_at, n.id) < (:opened_at, :id)")
        parameters |= {"opened_at": after[0], "id": after[1]}
    return rows(session, _page_statement(conditions, limit, wanted.is_default_branch), parameters)


def incident_events(session: Session, incident_id: int, *, limit: int, after: int = 0) -> list[Row]:
    """The events of an incident from position `after` on, in the order of the log."""
    return rows(session, _EVENTS, {"incident_id": incident_id, "limit": limit, "after": after})


def incident_detail(session: Session, incident_id: int, *, most_events: int) -> Row | None:
    """An incident object with its builds, its commits and its newest events inside; None when there is none.

    Seven statements at most, however long the incident lasted.
    """
    incident = incident_objects(session, [incident_id]).get(incident_id)
    commits = incident_commits(session, incident_id)
    if incident is None or commits is None:
        return None
    ids = {name: incident[f"{name}_build_id"] for name in BUILDS}
    builds = build_objects(session, (as_int(build_id) for build_id in ids.values() if build_id is not None))
    incident |= {name: None if build_id is None else builds.get(as_int(build_id)) for name, build_id in ids.items()}
    incident["commits"] = commits["commits"]
    incident["has_all_commits"] = commits["is_complete"]
    incident["commits_reason"] = commits["reason"]
    incident["events"] = rows(session, _NEWEST_EVENTS, {"incident_id": incident_id, "limit": most_events})
    return incident


def incident_commits(session: Session, incident_id: int) -> Row | None:
    """The commits between the last good and the first bad build; None when there is no such incident."""
    row = next(iter(rows(session, _RANGE, {"incident_id": incident_id})), None)
    return None if row is None else {"incident_id": incident_id} | range_of(session, row)


def instance_of_incident(session: Session, incident_id: int) -> str | None:
    """The name of the installation an incident happened on; None when there is no such incident."""
    found = rows(session, _INSTANCE, {"incident_id": incident_id})
    return str(found[0]["name"]) if found else None


_MATCHES = {
    "branch": "n.branch = ANY(:branch)",
    "status": "n.status = ANY(:status)",
    "fixed_since": "n.fixed_at >= :fixed_since",
    "fixed_until": "n.fixed_at < :fixed_until",
    "red_since": "(n.fixed_at IS NULL OR n.fixed_at >= :red_since)",
    "since": "n.opened_at >= :since",
    "until": "n.opened_at < :until",
}


def _conditions(wanted: IncidentFilter) -> tuple[list[str], dict[str, object]]:
    """SQL conditions over `n` for everything but the scope, and their parameters."""
    given: dict[str, object] = {}
    for name in _MATCHES:
        value = getattr(wanted, name)
        if value:
            given[name] = list(value) if isinstance(value, tuple) else value
    conditions = [_MATCHES[name] for name in given]
    if wanted.status and OPEN.issuperset(wanted.status):
        # True of every such row anyway; said so that the small index of what is open can serve it.
        conditions.append("n.fixed_at IS NULL")
    return conditions, given


def _page_statement(conditions: list[str], limit: int, is_default_branch: bool | None) -> str:
    """The page's ids first, then the joined rows of just those; the limit is no parameter, as with builds."""
    joins = "" if is_default_branch is None else _BRANCH_JOINS
    if is_default_branch is not None:
        conditions = [*conditions, _IS_DEFAULT_BRANCH if is_default_branch else f"NOT ({_IS_DEFAULT_BRANCH})"]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    newest = "ORDER BY n.opened_at DESC, n.id DESC"
    ids = f"SELECT n.id FROM incidents n {joins} {where} {newest} LIMIT {limit:d}"
    return f"SELECT {_COLUMNS} FROM ({ids}) page JOIN incidents n ON n.id = page.id {_JOINS} {newest}"
