"""How pipelines stand on a branch: the newest verdict there, and whether it is being built; for badges and trays."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from shared.catalog import RECENT_BUILDS
from shared.ghosts import IS_LIVE
from shared.judged import JUDGED
from shared.reading import plan_by_values
from shared.rows import Row, as_int, rows
from shared.scope import Scope, scope_conditions

_JOINS = """
    JOIN instances i ON i.id = p.instance_id
    JOIN projects j ON j.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id
"""

_HOME = "coalesce(p.default_branch, r.default_branch)"
_NAME = "coalesce(r.name || '/', '') || p.name"

# The verdict is looked for among the pipeline's newest builds, which is exact; where pull requests have pushed the
# branch out of those, the planner has long noted what came last on it. So a pipeline costs a few index entries,
# however many builds it has. Where no default branch is known, the newest verdict on any branch counts.
_STATES = f"""
    SELECT p.id AS pipeline_id, i.provider, i.name AS instance, r.name AS repository, p.name AS pipeline_name, p.url,
           wanted.branch, coalesce(recent.status, noted.status) AS status, b.number, b.external_id, b.web_url,
           coalesce(b.finished_at, b.queued_at) AS finished_at, is_building
    FROM pipelines p {_JOINS}
    CROSS JOIN LATERAL ({{branches}}) AS wanted(branch)
    LEFT JOIN LATERAL (
        SELECT newest.id, newest.status
        FROM (SELECT b.id, {JUDGED} AS status, b.branch, b.queued_at FROM builds b WHERE b.pipeline_id = p.id
              ORDER BY b.queued_at DESC, b.id DESC LIMIT {RECENT_BUILDS}) newest
        WHERE newest.status IS NOT NULL AND (wanted.branch IS NULL OR newest.branch = wanted.branch)
        ORDER BY newest.queued_at DESC, newest.id DESC LIMIT 1
    ) recent ON true
    LEFT JOIN verdicts noted ON recent.id IS NULL AND noted.pipeline_id = p.id AND noted.branch = wanted.branch
    LEFT JOIN builds b ON b.id = coalesce(recent.id, noted.build_id)
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM builds b WHERE b.pipeline_id = p.id AND {IS_LIVE}
                       AND (wanted.branch IS NULL OR b.branch = wanted.branch)) AS is_building
    ) now
    {{where}} ORDER BY {_NAME}, p.id, wanted.branch LIMIT :limit
"""


def branch_states(session: Session, scope: Scope, *, branches: Sequence[str] = (), limit: int) -> list[Row]:
    """How the pipelines in scope stand on their default branches, by name; each has a row, `status` null if unknown.

    With `branches` a row for each pipeline and each of these on which anything was built. One statement.
    """
    conditions, parameters = scope_conditions(scope)
    if branches:
        conditions.append("(b.id IS NOT NULL OR is_building)")
        parameters["branches"] = list(branches)
    plan_by_values(session)
    statement = _STATES.format(
        branches="SELECT unnest(CAST(:branches AS text[]))" if branches else f"SELECT {_HOME}",
        where=f"WHERE {' AND '.join(conditions)}" if conditions else "",
    )
    return rows(session, statement, parameters | {"limit": limit})


def pipelines_called(session: Session, installation: str, name: str, pipeline_id: int | None = None) -> list[int]:
    """The pipelines called `repository/pipeline` (the pipeline's name alone where it has no repository), at most two.

    `installation` is the configured name of an instance or the kind of its provider; `pipeline_id` the one that is
    meant of several.
    """
    statement = f"""
        SELECT p.id FROM pipelines p {_JOINS}
        WHERE (i.name = :installation OR i.provider = :installation) AND {_NAME} = :name
          AND (CAST(:id AS bigint) IS NULL OR p.id = :id)
        ORDER BY p.id LIMIT 2
    """
    asked = {"installation": installation, "name": name, "id": pipeline_id}
    return [as_int(row["id"]) for row in rows(session, statement, asked)]
