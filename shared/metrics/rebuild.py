"""All figures made anew from builds and incidents, in one transaction: until it commits everybody reads old ones."""

from collections.abc import Callable, Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.metrics import adding, flakes, members
from shared.metrics.cells import CellScope, Grain, grains_of
from shared.metrics.contributions import ON_RECORD

BUILDS_AT_ONCE = 300_000

Progress = Callable[[str, int, int], object]
"""Is told what is being done, how many builds or parts of it are done, and of how many."""

_SIZES = text("""
    SELECT p.id, coalesce(b.builds, 0) AS builds
    FROM pipelines p LEFT JOIN (SELECT pipeline_id, count(*) AS builds FROM builds GROUP BY pipeline_id) b
        ON b.pipeline_id = p.id
    ORDER BY p.id
""")

# What is seen of the changes is about builds that are seen.
_FORGET = ("DELETE FROM metric_changes", "DELETE FROM metric_cells", "DELETE FROM metric_members")

_OF_PIPELINES = f"""
    WITH entries AS (
        {
    adding.ENTRIES_OF_CONTRIBUTIONS.format(
        contributions=ON_RECORD.format(where="b.pipeline_id = ANY(:pipelines)"), members="metric_members"
    )
}
    )
"""

_PIPELINES = "(SELECT *, pipeline_id AS scope_id FROM metric_members)"
_INSTANCES = """
    (SELECT id AS scope_id, id AS instance_id, NULL::bigint AS project_id, NULL::bigint AS repository_id FROM instances)
"""

_PROJECTS = """
    (SELECT id AS scope_id, NULL::bigint AS instance_id, id AS project_id, NULL::bigint AS repository_id FROM projects)
"""

_EVERYTHING = f"({CellScope.EVERYTHING:d}, 0)"
_OWNERS = ", ".join(
    (
        f"({CellScope.INSTANCE:d}, instance_id)",
        f"({CellScope.PROJECT:d}, project_id)",
        f"({CellScope.REPOSITORY:d}, repository_id)",
    )
)
_SUMS = (
    *((_PIPELINES, CellScope.PIPELINE, _OWNERS, grain, grain) for grain in grains_of(CellScope.PIPELINE)),
    (_PROJECTS, CellScope.PROJECT, f"({CellScope.PROJECT:d}, project_id)", Grain.HOUR, Grain.QUARTER),
    (_INSTANCES, CellScope.INSTANCE, f"({CellScope.INSTANCE:d}, instance_id)", Grain.HOUR, Grain.QUARTER),
    *((_INSTANCES, CellScope.INSTANCE, _EVERYTHING, grain, grain) for grain in grains_of(CellScope.INSTANCE)),
)
"""What is summed up from what, in order: whose cells, of which scope, into which scopes; of which grain, into which."""


def slices(session: Session) -> Iterator[tuple[list[int], int]]:
    """All pipelines in some lists, each with how many builds they have: about as many as are worked on at once."""
    pipelines: list[int] = []
    builds = 0
    for row in session.execute(_SIZES).all():
        if pipelines and builds + row.builds > BUILDS_AT_ONCE:
            yield pipelines, builds
            pipelines, builds = [], 0
        pipelines.append(row.id)
        builds += row.builds
    if pipelines:
        yield pipelines, builds


def rebuild(session: Session, progress: Progress) -> None:
    """Forget all figures and flakes, and count every build. The caller holds the figures (`fold.alone`)."""
    parts = list(slices(session))
    total = sum(builds for _, builds in parts)
    for statement in _FORGET:
        session.execute(text(statement))
    members.settle(session, [pipeline for pipelines, _ in parts for pipeline in pipelines])
    done = 0
    progress("builds", done, total)
    for pipelines, builds in parts:
        flakes.find_all(session, pipelines)
        adding.add(session, _OF_PIPELINES, {"pipelines": pipelines}, scopes=f"({CellScope.PIPELINE:d}, pipeline_id)")
        done += builds
        progress("builds", done, total)
    _sum_up(session, progress)


def _sum_up(session: Session, progress: Progress) -> None:
    """The other scopes from the pipelines' cells, quarters from hours, and everything from the instances' cells."""
    for done, (whose, scope, scopes, grain, into) in enumerate(_SUMS, start=1):
        entries = adding.ENTRIES_OF_CELLS.format(members=whose, scope=scope, grain=grain, sign=1)
        grains = adding.GRAINS[into]
        adding.add(session, f"WITH entries AS ({entries})", {}, scopes=scopes, grains=grains, is_gathered=True)
        progress("sums", done, len(_SUMS))
