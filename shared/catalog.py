"""What there is besides builds: projects, repositories, branches, and pipelines with their health."""

from sqlalchemy.orm import Session

from shared.queries import build_objects
from shared.rows import Row, as_int, rows
from shared.scope import Scope, scope_conditions

RECENT_BUILDS = 20
"""How many of a pipeline's newest builds its health is read from."""

_JOINS = """
    JOIN instances i ON i.id = p.instance_id
    JOIN projects j ON j.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id
"""

_PIPELINE = """
    p.id, i.provider, i.name AS instance, j.key AS project, r.name AS repository, p.external_id, p.name, p.url,
    p.default_branch, p.source_id
"""

_RECENT = {
    "id": "id",
    "status": "status",
    "is_flaky": "f.build_id IS NOT NULL",
    "duration_seconds": "duration_seconds",
    "queued_at": "recent.queued_at",
}
_STRIP = ", ".join(
    f"array_agg({value} ORDER BY recent.queued_at DESC, id DESC) FILTER (WHERE is_finished) AS recent_{name}"
    for name, value in _RECENT.items()
)

# Reads RECENT_BUILDS entries of one index per pipeline, whatever the pipeline's age. The verdict that counts is the
# newest on the default branch; where no default branch is known, the newest on any.
_HEALTH = f"""
    SELECT p.id, health.*
    FROM pipelines p CROSS JOIN LATERAL (
        SELECT (array_agg(id ORDER BY recent.queued_at DESC, id DESC))[1] AS last_build_id,
               (array_agg(status ORDER BY recent.queued_at DESC, id DESC) FILTER (
                   WHERE status IN ('succeeded', 'failed', 'timed_out')
                     AND (p.default_branch IS NULL OR recent.branch = p.default_branch)))[1] AS verdict,
               count(*) AS recent_builds,
               count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
               count(*) FILTER (WHERE status = 'failed') AS failed,
               count(*) FILTER (WHERE status = 'timed_out') AS timed_out,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_seconds) FILTER (WHERE status = 'succeeded')
                   AS usual_seconds,
               {_STRIP}
        FROM (SELECT id, status, is_finished, branch, duration_seconds, queued_at FROM builds b
              WHERE b.pipeline_id = p.id ORDER BY queued_at DESC, id DESC LIMIT {RECENT_BUILDS}) recent
        LEFT JOIN flakes f ON f.build_id = recent.id AND recent.status = 'succeeded'
    ) health
    WHERE p.id = ANY(:ids)
"""

_PROJECTS = """
    SELECT j.id, j.key, j.name, j.team, count(p.id) AS pipelines, j.created_at
    FROM projects j LEFT JOIN pipelines p ON p.project_id = j.id
    WHERE j.id > :after GROUP BY j.id ORDER BY j.id LIMIT :limit
"""


def projects(session: Session, *, limit: int, after: int = 0) -> list[Row]:
    """Projects by id, with the number of their pipelines."""
    return rows(session, _PROJECTS, {"after": after, "limit": limit})


def plain_project(session: Session, key: str) -> Row | None:
    """One project by its key; None when there is none."""
    found = rows(session, "SELECT id, key, name, team FROM projects WHERE key = :key", {"key": key})
    return found[0] if found else None


def repositories(session: Session, scope: Scope, *, limit: int, after: int = 0) -> list[Row]:
    """Repositories by id; a project has the repositories of its pipelines."""
    conditions, parameters = scope_conditions(scope)
    statement = f"""
        SELECT r.id, i.provider, i.name AS instance, r.external_id, r.name, r.url, r.default_branch,
               (SELECT count(*) FROM pipelines p WHERE p.repository_id = r.id) AS pipelines
        FROM repositories r JOIN instances i ON i.id = r.instance_id
        WHERE r.id > :after {_of_repository(conditions)} ORDER BY r.id LIMIT :limit
    """
    return rows(session, statement, parameters | {"after": after, "limit": limit})


def branches(session: Session, scope: Scope, *, limit: int, after: tuple[int, str] | None = None) -> list[Row]:
    """Branches that builds were seen on, by repository and name."""
    conditions, parameters = scope_conditions(scope)
    repository_id, name = after or (0, "")
    statement = f"""
        SELECT h.repository_id, r.name AS repository, i.provider, i.name AS instance, h.name,
               coalesce(h.name = r.default_branch, false) AS is_default, h.first_seen_at
        FROM branches h JOIN repositories r ON r.id = h.repository_id JOIN instances i ON i.id = r.instance_id
        WHERE (h.repository_id, h.name) > (:after_repository_id, :after_name) {_of_repository(conditions)}
        ORDER BY h.repository_id, h.name LIMIT :limit
    """
    parameters |= {"after_repository_id": repository_id, "after_name": name, "limit": limit}
    return rows(session, statement, parameters)


def pipelines(session: Session, scope: Scope, *, limit: int, after: int = 0) -> list[Row]:
    """Pipelines by id, each with its last build and its health: three statements however many there are."""
    conditions, parameters = scope_conditions(scope)
    where = " AND ".join(["p.id > :after", *conditions])
    statement = f"SELECT {_PIPELINE} FROM pipelines p {_JOINS} WHERE {where} ORDER BY p.id LIMIT :limit"
    return _with_health(session, rows(session, statement, parameters | {"after": after, "limit": limit}))


def pipeline(session: Session, pipeline_id: int) -> Row | None:
    """One pipeline as the list shows it; None when there is none."""
    plain = plain_pipeline(session, pipeline_id)
    return _with_health(session, [plain])[0] if plain else None


def plain_pipeline(session: Session, pipeline_id: int) -> Row | None:
    """One pipeline without what its builds say."""
    statement = f"SELECT {_PIPELINE} FROM pipelines p {_JOINS} WHERE p.id = :id"
    found = rows(session, statement, {"id": pipeline_id})
    return found[0] if found else None


def _with_health(session: Session, pipelines: list[Row]) -> list[Row]:
    health = {row["id"]: row for row in rows(session, _HEALTH, {"ids": [row["id"] for row in pipelines]})}
    last_ids = {key: as_int(row["last_build_id"]) for key, row in health.items() if row["last_build_id"] is not None}
    last = build_objects(session, last_ids.values())
    return [
        row
        | {"last_build": last.get(last_ids.get(row["id"], 0)), "health": _health(health[row["id"]])}
        | {"recent": _recent(health[row["id"]]), "usual_seconds": health[row["id"]]["usual_seconds"]}
        for row in pipelines
    ]


def _health(row: Row) -> Row:
    succeeded, failed, timed_out = (as_int(row[word]) for word in ("succeeded", "failed", "timed_out"))
    verdicts = succeeded + failed + timed_out
    return {
        "verdict": row["verdict"],
        "is_broken": None if row["verdict"] is None else row["verdict"] != "succeeded",
        "recent_builds": row["recent_builds"],
        "succeeded": succeeded,
        "failed": failed,
        "timed_out": timed_out,
        "success_rate": succeeded / verdicts if verdicts else None,
    }


def _recent(row: Row) -> list[Row]:
    """The finished ones of the newest builds, newest first; the aggregates are NULL when there is none."""
    columns = [found if isinstance(found := row[f"recent_{name}"], list) else [] for name in _RECENT]
    return [dict(zip(_RECENT, build, strict=True)) for build in zip(*columns, strict=True)]


def _of_repository(conditions: list[str]) -> str:
    """Conditions over `r` and `i` as they stand; what only a pipeline knows holds when some pipeline of `r` fits."""
    direct = [condition for condition in conditions if condition.startswith(("i.", "r."))]
    through = [condition for condition in conditions if condition not in direct]
    if through:
        direct.append(f"""EXISTS (SELECT FROM pipelines p JOIN projects j ON j.id = p.project_id
                                  WHERE p.repository_id = r.id AND {" AND ".join(through)})""")
    return "".join(f" AND {condition}" for condition in direct)
