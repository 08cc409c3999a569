"""Which pipelines are counted in `metric_cells`, as whose, and which of them have to be counted anew or moved."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared.rows import as_int, rows

MOST_BUILDS = 20_000
"""How many builds of not yet counted pipelines are counted at a time; of more only where one pipeline has them."""

_PROBED_PIPELINES = 100

NAMED = """
    SELECT p.id, p.instance_id, p.project_id, p.repository_id,
           coalesce(p.default_branch, r.default_branch) AS default_branch
    FROM pipelines p LEFT JOIN repositories r ON r.id = p.repository_id
"""
"""Pipelines with what they belong to, and their default branch: where it knows none, its repository's."""

# Only those who add to the cells take it, and every one of them does: they come one after another, and what the
# transaction sees next is all that the one before wrote. It stops neither recording nor reading nor a dump.
_HOLD = text("LOCK TABLE metric_members IN SHARE ROW EXCLUSIVE MODE")
_HOLD_AT_ONCE = text("LOCK TABLE metric_members IN SHARE ROW EXCLUSIVE MODE NOWAIT")

# Small pipelines first, so that most figures are whole soon; the newest of equal ones first. Of one too large to be
# counted with others only so much is looked at as tells that it is.
_UNSETTLED = text(f"""
    WITH unsettled AS (
        SELECT p.id, m.pipeline_id IS NULL OR NOT m.is_counted OR p.default_branch IS DISTINCT FROM m.default_branch
                   AS is_uncounted
        FROM ({NAMED}) p LEFT JOIN metric_members m ON m.pipeline_id = p.id
        WHERE m.pipeline_id IS NULL OR NOT m.is_counted
           OR (p.instance_id, p.project_id, p.repository_id, p.default_branch)
            IS DISTINCT FROM (m.instance_id, m.project_id, m.repository_id, m.default_branch)
        ORDER BY p.id DESC LIMIT {_PROBED_PIPELINES}
    ),
    sized AS (
        SELECT id, is_uncounted, builds
        FROM unsettled u CROSS JOIN LATERAL (
            SELECT count(*) AS builds
            FROM (SELECT FROM builds b WHERE b.pipeline_id = u.id LIMIT {MOST_BUILDS}) s) s
    )
    SELECT id, is_uncounted
    FROM (SELECT *, sum(builds) OVER (ORDER BY builds, id DESC) AS builds_so_far FROM sized) s
    WHERE builds_so_far <= {MOST_BUILDS} OR builds_so_far = builds
    ORDER BY id
""")

_SETTLE = text(f"""
    INSERT INTO metric_members AS m (pipeline_id, instance_id, project_id, repository_id, default_branch)
    SELECT id, instance_id, project_id, repository_id, default_branch FROM ({NAMED}) p WHERE id = ANY(:pipelines)
    ON CONFLICT (pipeline_id) DO UPDATE
    SET instance_id = excluded.instance_id, project_id = excluded.project_id, repository_id = excluded.repository_id,
        default_branch = excluded.default_branch, is_counted = true
""")

_COUNTING = "SELECT count(*) AS pipelines FROM metric_members WHERE NOT is_counted"


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Pipelines by id: to be counted from their builds, and to be counted as before but for somebody else."""

    uncounted: tuple[int, ...] = ()
    moved: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.uncounted or self.moved)


def hold(session: Session) -> None:
    """Be the only one who adds to the cells until the transaction ends. Waits for whoever does so now.

    Before anything is read: a transaction with one snapshot takes it afterwards.
    """
    session.execute(_HOLD)


def hold_at_once(session: Session) -> bool:
    """The same without waiting: False when somebody else holds them. The transaction is to be rolled back then."""
    try:
        session.execute(_HOLD_AT_ONCE)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":
            return False
        raise
    return True


def unsettled(session: Session) -> Unsettled:
    """Some of the pipelines that are not counted as they stand now: as many as are counted at a time."""
    found = session.execute(_UNSETTLED).all()
    return Unsettled(
        tuple(row.id for row in found if row.is_uncounted), tuple(row.id for row in found if not row.is_uncounted)
    )


def settle(session: Session, pipelines: Sequence[int]) -> None:
    """Note that these pipelines are counted as they stand now."""
    session.execute(_SETTLE, {"pipelines": list(pipelines)})


def counting(session: Session) -> int:
    """How many pipelines are in no figure yet: after an upgrade, until the scheduler has counted their builds."""
    (found,) = rows(session, _COUNTING)
    return as_int(found["pipelines"])
