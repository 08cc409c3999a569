"""What must hold when everything has settled: what is stored against the truth, the log against itself."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, text

from simulator import Simulator
from tests.chaos.feed import INSTANCE as FED

Identity = tuple[str, str, int]
"""(pipeline, build, attempt)"""

Outcome = dict[Identity, str]
"""How each stands."""

_OUTCOME = text(f"""
    SELECT l.external_id AS pipeline, b.external_id, a.number, a.status
    FROM attempts a JOIN builds b ON b.id = a.build_id JOIN pipelines l ON l.id = b.pipeline_id
    JOIN instances i ON i.id = l.instance_id WHERE i.name <> '{FED}'
""")


def outcome(database: Engine) -> Outcome:
    """How every attempt is recorded, but for those that a course fed."""
    with database.connect() as connection:
        rows = connection.execute(_OUTCOME)
        return {(row.pipeline, row.external_id, row.number): row.status for row in rows}


def truth(simulator: Simulator, repository_ids: Iterable[object], sites: Iterable[str] = ("github",)) -> Outcome:
    """How every attempt of these GitHub repositories, and of all there is on the other sites, will have ended."""
    watched = set(repository_ids)
    return {
        (str(entry["pipeline"]), str(entry["external_id"]), int(str(entry["attempt"]))): str(entry["status"])
        for site in sites
        for entry in simulator.ledger(at_end=True, provider=site)
        if site != "github" or entry["repository_id"] in watched
    }


def never_shown(simulator: Simulator) -> set[Identity]:
    """What was cancelled in Jenkins' queue between two of our looks at it: afterwards Jenkins tells nobody of it."""
    looks = [each.at for each in simulator.requests("jenkins") if "queue/api/json" in each.target]
    return {
        (str(entry["pipeline"]), str(entry["external_id"]), 1)
        for entry in simulator.ledger(at_end=True, provider="jenkins")
        if (left_at := entry["left_queue_at"]) is not None
        and not any(_at(entry["queued_at"]) <= look < _at(left_at) for look in looks)
    }


def _at(instant: object) -> datetime:
    return datetime.fromisoformat(str(instant))


def head(database: Engine) -> int:
    """The last position of the log."""
    with database.connect() as connection:
        return int(connection.execute(text("SELECT coalesce(max(pos), 0) FROM events")).scalar_one())


BUILD_EVENTS = "(SELECT * FROM events WHERE subject_kind = 'build')"

GAPS = "SELECT max(pos) - count(*) FROM events"

VIOLATIONS = {
    "gaps in the log": "SELECT 1 FROM events HAVING count(*) <> max(pos) OR min(pos) <> 1",
    "versions out of order": f"""
        SELECT 1 FROM (SELECT version, row_number() OVER (PARTITION BY subject_id ORDER BY pos) AS n
                       FROM {BUILD_EVENTS} b) e
        WHERE version <> n""",
    "builds not at their last version": f"""
        SELECT 1 FROM builds b WHERE version <> (SELECT count(*) FROM {BUILD_EVENTS} e WHERE e.subject_id = b.id)""",
    "a change that does not begin where the one before it ended": f"""
        SELECT 1 FROM (SELECT from_status, lag(to_status) OVER (PARTITION BY subject_id, attempt ORDER BY pos) AS before
                       FROM {BUILD_EVENTS} b) e
        WHERE from_status IS DISTINCT FROM before""",
    "attempts not as their last event says": f"""
        SELECT 1 FROM attempts a WHERE status IS DISTINCT FROM (
            SELECT to_status FROM {BUILD_EVENTS} e WHERE e.subject_id = a.build_id AND e.attempt = a.number
            ORDER BY pos DESC LIMIT 1)""",
    "builds not as their greatest attempt": """
        SELECT 1 FROM builds b LEFT JOIN attempts a ON a.build_id = b.id AND a.number = b.attempt
        WHERE (b.status, b.finished_at) IS DISTINCT FROM (a.status, a.finished_at)
           OR b.attempt <> (SELECT max(number) FROM attempts m WHERE m.build_id = b.id)""",
    "incidents not at their last version": """
        SELECT 1 FROM incidents i WHERE version <> (
            SELECT count(*) FROM events e WHERE e.subject_kind = 'incident' AND e.subject_id = i.id)""",
    "incidents not as their last event says": """
        SELECT 1 FROM incidents i WHERE status IS DISTINCT FROM (
            SELECT to_status FROM events e WHERE e.subject_kind = 'incident' AND e.subject_id = i.id
            ORDER BY pos DESC LIMIT 1)""",
    "a broken branch without an open incident, or a working one with": """
        SELECT 1 FROM verdicts v LEFT JOIN incidents i ON i.id = v.incident_id
        WHERE (v.status IN ('failed', 'timed_out')) <> (i.id IS NOT NULL AND i.fixed_at IS NULL)
          AND i.status IS DISTINCT FROM 'flapping'""",
    "one run as two builds": """
        SELECT 1 FROM builds b JOIN pipelines p ON p.id = b.pipeline_id
        GROUP BY p.instance_id, b.external_id HAVING count(*) > 1""",
    "finished without jobs": "SELECT 1 FROM attempts WHERE is_finished AND NOT has_jobs",
    "negative durations": """
        SELECT 1 FROM attempts WHERE duration_seconds < 0 OR queued_seconds < 0
        UNION ALL SELECT 1 FROM builds WHERE duration_seconds < 0 OR queued_seconds < 0""",
    "an end without a verdict": "SELECT 1 FROM attempts WHERE finished_at IS NOT NULL AND NOT is_finished",
    "a verdict taken back": f"""
        SELECT 1 FROM {BUILD_EVENTS} e
        WHERE from_status IN ('skipped', 'cancelled', 'succeeded', 'timed_out', 'failed')
          AND to_status IN ('queued', 'blocked', 'running')""",
    "orphan leases": """
        SELECT 1 FROM sources WHERE lease_owner IS NOT NULL AND lease_until < clock_timestamp() - interval '5 s'
        UNION ALL SELECT 1 FROM credentials
        WHERE lease_owner IS NOT NULL AND lease_until < clock_timestamp() - interval '5 s'""",
    "transactions left open": """
        SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'
          AND state_change < clock_timestamp() - interval '6 s' AND application_name LIKE 'observatory%'""",
    "invalid indexes": "SELECT 1 FROM pg_index WHERE NOT indisvalid",
}


def violations(database: Engine) -> dict[str, int]:
    """Every invariant that does not hold, with how many rows break it."""
    with database.connect() as connection:
        found = {name: len(connection.execute(text(statement)).all()) for name, statement in VIOLATIONS.items()}
    return {name: rows for name, rows in found.items() if rows}


def gaps(database: Engine) -> int:
    """How many positions of the log are missing."""
    with database.connect() as connection:
        return int(connection.execute(text(GAPS)).scalar_one() or 0)


def places_of(database: Engine, secret: str) -> list[str]:
    """The tables in which a secret stands somewhere."""
    tables = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    with database.connect() as connection:
        return [
            name
            for name in connection.scalars(tables).all()
            if connection.scalar(
                text(f'SELECT EXISTS (SELECT FROM "{name}" t WHERE strpos(CAST(t AS text), :it) > 0)'), {"it": secret}
            )
        ]


def said(logs: Iterable[Path]) -> Iterator[Mapping[str, object]]:
    """Every line that is an event; what is no JSON is the event `unstructured`, because none should be."""
    for log in logs:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                yield json.loads(line)
            elif line.strip():
                yield {"event": "unstructured", "level": "critical", "line": line}


DEFECTS = frozenset({"poll broke off", "job failed", "crashed", "unstructured"})
"""Events that tell of an exception nobody expected."""


def defects(logs: Iterable[Path]) -> dict[str, str]:
    """Exceptions of ours that no fault excuses: what was said, and its last words."""
    found: dict[str, str] = {}
    for line in said(logs):
        event = str(line.get("event"))
        if event in DEFECTS:
            found.setdefault(event, str(line.get("exception") or line.get("trace") or line.get("line"))[-400:])
    return found
