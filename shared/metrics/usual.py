"""How long a pipeline usually takes: what a build that runs is to be compared with."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from shared.metrics.cells import CellScope
from shared.metrics.cover import cover
from shared.metrics.subject import Subject
from shared.metrics.tallies import successes
from shared.metrics.totals import Histogram, seconds_at
from shared.metrics.window import DAY, HOUR, Window, floor
from shared.rows import Row, as_int, rows

LATELY = 30 * DAY

_KNOWN = "SELECT id FROM pipelines WHERE id = ANY(:ids)"


def lately(as_of: datetime) -> Window:
    """The full hours of the last 30 days: no hour has to be cut to count them."""
    until = floor(as_of, HOUR)
    return Window(until - LATELY, until)


def usual_durations(session: Session, pipelines: Sequence[int], frame: Window) -> list[Row]:
    """How long the builds of these pipelines took that succeeded, within 2 %; ids that are none are left out.

    From cells of full hours. Two statements.
    """
    known = {as_int(row["id"]) for row in rows(session, _KNOWN, {"ids": list(pipelines)})}
    ids = tuple(pipeline for pipeline in pipelines if pipeline in known)
    found = successes(session, Subject(CellScope.PIPELINE, ids, ids), cover((frame.begins, frame.ends)))
    return [_row(pipeline, found.get((pipeline, 1), {})) for pipeline in ids]


def _row(pipeline: int, histogram: Histogram) -> Row:
    p50, p95 = seconds_at(histogram, (50, 95))
    return {"pipeline_id": pipeline, "builds": sum(histogram.values()), "p50_seconds": p50, "p95_seconds": p95}
