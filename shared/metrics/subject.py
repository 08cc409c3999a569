"""Whose builds figures are about: which cells hold them, and how the builds themselves are found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from shared.metrics.cells import CellScope
from shared.queries import BuildFilter
from shared.rows import Row, as_int, rows
from shared.scope import Scope, scope_conditions


@dataclass(frozen=True, slots=True)
class Subject:
    """The builds of some pipelines, on any branch or on some.

    `scope` and `ids` name the cells that hold the builds. `pipelines` lists the pipelines; where they would be too many
    it is None, and `within` says what they all belong to, None where every pipeline is meant. `branch` are the names
    asked for. `has_cells`: cells tell them from the others, because no branch is asked for, or the one that is is the
    default branch of every pipeline. `by_branch`: its builds are looked up among those of the branches, and not among
    those of the pipelines, which are more.
    """

    scope: CellScope
    ids: tuple[int, ...]
    pipelines: tuple[int, ...] | None
    branch: tuple[str, ...] = ()
    has_cells: bool = True
    within: tuple[CellScope, tuple[int, ...]] | None = None
    by_branch: bool = False

    def told_by(self, scope: CellScope, ids: Sequence[int]) -> "Subject":
        """The same builds, or some of them, told apart by the cells of another scope."""
        return replace(self, scope=scope, ids=tuple(ids))


COLUMN = {
    CellScope.INSTANCE: "instance_id",
    CellScope.PROJECT: "project_id",
    CellScope.REPOSITORY: "repository_id",
    CellScope.PIPELINE: "pipeline_id",
}
"""What of a pipeline, as `pipelines_of` shows it, is the `scope_id` of its cells."""

KEY_COLUMN = COLUMN | {CellScope.PIPELINE: "id"}
"""The same in the table of pipelines."""

# Cells of a scope hold all of its pipelines, so they can stand for a filter that names nothing else.
_WHOLE: Mapping[tuple[str, ...], CellScope] = {
    ("provider",): CellScope.INSTANCE,
    ("instance",): CellScope.INSTANCE,
    ("project",): CellScope.PROJECT,
    ("repository",): CellScope.REPOSITORY,
}

_IDS = {
    CellScope.INSTANCE: "SELECT i.id FROM instances i WHERE {where}",
    CellScope.PROJECT: "SELECT j.id FROM projects j WHERE {where}",
}

# Whose default branch it is by what the cells hold. A pipeline that is in no cell yet is told by what is known of it.
DEFAULT_BRANCH = """
    CASE WHEN m.pipeline_id IS NULL THEN coalesce(p.default_branch, r.default_branch) ELSE m.default_branch END
"""

_PIPELINES = """
    SELECT p.id AS pipeline_id, p.name AS pipeline_name, p.instance_id, p.project_id, p.repository_id,
           i.provider, i.name AS instance, j.key AS project, r.name AS repository, {default} AS default_branch
    FROM pipelines p JOIN instances i ON i.id = p.instance_id JOIN projects j ON j.id = p.project_id
    LEFT JOIN repositories r ON r.id = p.repository_id {members}
    WHERE {where} ORDER BY p.id
"""

_IS_DEFAULT_OF_ALL = f"""
    SELECT NOT EXISTS (
        SELECT FROM pipelines p LEFT JOIN repositories r ON r.id = p.repository_id
        LEFT JOIN metric_members m ON m.pipeline_id = p.id
        WHERE {DEFAULT_BRANCH} IS DISTINCT FROM :branch
    ) AS is_default
"""


def subject_of(session: Session, wanted: BuildFilter) -> Subject:
    """The builds that a filter's scope and branches name; its other parts are not looked at. At most one statement."""
    whole = _whole(wanted.scope)
    if whole in _IDS and not wanted.branch:
        conditions, parameters = scope_conditions(wanted.scope)
        named = rows(session, _IDS[whole].format(where=" AND ".join(conditions)), parameters)
        ids = tuple(as_int(row["id"]) for row in named)
        return Subject(whole, ids, None, within=(whole, ids))
    if not wanted.scope.is_everything:
        return subject_among(pipelines_of(session, wanted), wanted)
    has_cells = not wanted.branch
    if len(wanted.branch) == 1:
        (found,) = rows(session, _IS_DEFAULT_OF_ALL, {"branch": wanted.branch[0]})
        has_cells = bool(found["is_default"])
    return Subject(CellScope.EVERYTHING, (0,), None, wanted.branch, has_cells)


def pipelines_of(session: Session, wanted: BuildFilter) -> list[Row]:
    """The pipelines in a filter's scope, with their names and what they belong to."""
    conditions, parameters = scope_conditions(wanted.scope)
    has_branch = len(wanted.branch) == 1
    statement = _PIPELINES.format(
        where=" AND ".join(conditions) or "true",
        default=DEFAULT_BRANCH if has_branch else "NULL",
        members="LEFT JOIN metric_members m ON m.pipeline_id = p.id" if has_branch else "",
    )
    return rows(session, statement, parameters)


def subject_among(pipelines: Sequence[Row], wanted: BuildFilter) -> Subject:
    """The same from the pipelines in the filter's scope."""
    has_cells = not wanted.branch or (
        len(wanted.branch) == 1 and all(row["default_branch"] == wanted.branch[0] for row in pipelines)
    )
    if wanted.scope.is_everything:
        return Subject(CellScope.EVERYTHING, (0,), None, wanted.branch, has_cells)
    scope = _whole(wanted.scope)
    ids = sorted({as_int(row[COLUMN[scope]]) for row in pipelines})
    return Subject(scope, tuple(ids), tuple(as_int(row["pipeline_id"]) for row in pipelines), wanted.branch, has_cells)


def _whole(scope: Scope) -> CellScope:
    """The cells that hold all that the filter names, and nothing else."""
    given = tuple(name for name in Scope.__dataclass_fields__ if getattr(scope, name))
    return _WHOLE.get(given, CellScope.PIPELINE if given else CellScope.EVERYTHING)
