"""What the tests of kept figures share: an installation to record into, and the cells as plain tuples."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.metrics.cells import BranchClass, CellScope, Grain
from shared.observation import Observation
from shared.recorder import record


def an_instance(session: Session, name: str = "ci") -> int:
    statement = text("INSERT INTO instances (name, provider, base_url) VALUES (:name, 'github', 'x') RETURNING id")
    instance: int = session.execute(statement, {"name": name}).scalar_one()
    return instance


def recorded(session: Session, instance: int, *seen: Observation) -> None:
    """One page each, in order."""
    for each in seen:
        record(session, [each], instance_id=instance, source_id=None, is_backfill=False)


def cells(
    session: Session,
    columns: str = "status, builds",
    *,
    scope: CellScope = CellScope.EVERYTHING,
    grain: Grain = Grain.EVER,
    branch_class: BranchClass | None = None,
    scope_id: int | None = None,
) -> Sequence[Any]:
    """The columns of the cells of a scope and grain, in the key's order."""
    statement = text(f"""
        SELECT {columns} FROM metric_cells
        WHERE scope = :scope AND grain = :grain AND (CAST(:class AS int) IS NULL OR branch_class = :class)
          AND (CAST(:scope_id AS bigint) IS NULL OR scope_id = :scope_id)
        ORDER BY scope, scope_id, grain, starts_at, branch_class, status, cancel_reason
    """)
    given = {"scope": scope, "grain": grain, "class": branch_class, "scope_id": scope_id}
    return [tuple(row) for row in session.execute(statement, given)]
