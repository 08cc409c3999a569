"""Pipelines counted anew from their builds and incidents, or moved to another project, repository or instance."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.metrics import adding, flakes, members
from shared.metrics.cells import CellScope, Grain
from shared.metrics.contributions import ON_RECORD
from shared.metrics.members import Unsettled

# The changes that are seen are about builds that are seen: counting these makes those void.
_FORGET_CHANGES = text("DELETE FROM metric_changes WHERE pipeline_id = ANY(:pipelines)")

_AS_NOW = f"""
    (SELECT id AS pipeline_id, id AS scope_id, instance_id, project_id, repository_id, default_branch
     FROM ({members.NAMED}) p WHERE id = ANY(:{{pipelines}}))
"""
_AS_COUNTED = """
    (SELECT *, pipeline_id AS scope_id FROM metric_members
     WHERE pipeline_id = ANY(:uncounted) OR pipeline_id = ANY(:moved))
"""

_RECOUNT = f"""
    WITH entries AS (
        {adding.ENTRIES_OF_CELLS.format(members=_AS_COUNTED, scope=CellScope.PIPELINE, grain=Grain.HOUR, sign=-1)}
        UNION ALL
        {
    adding.ENTRIES_OF_CELLS.format(
        members=_AS_NOW.format(pipelines="moved"), scope=CellScope.PIPELINE, grain=Grain.HOUR, sign=1
    )
}
        UNION ALL
        {
    adding.ENTRIES_OF_CONTRIBUTIONS.format(
        contributions=ON_RECORD.format(where="b.pipeline_id = ANY(:uncounted)"),
        members=_AS_NOW.format(pipelines="uncounted"),
    )
}
    )
"""


def settle(session: Session, pipelines: Unsettled) -> int:
    """Count and move these pipelines, so that the cells hold them as they stand now; returns how many cells it moved.

    The caller holds the figures (`members.hold`) and reads from one snapshot.
    """
    uncounted, moved = list(pipelines.uncounted), list(pipelines.moved)
    if uncounted:
        session.execute(_FORGET_CHANGES, {"pipelines": uncounted})
        flakes.find_all(session, uncounted)
    cells = adding.add(session, _RECOUNT, {"uncounted": uncounted, "moved": moved})
    members.settle(session, uncounted + moved)
    return cells


def recount(session: Session, pipelines: Sequence[int]) -> int:
    """Count these pipelines from their builds, whether they are counted already or not."""
    return settle(session, Unsettled(uncounted=tuple(pipelines)))
