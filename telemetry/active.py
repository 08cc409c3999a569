"""How many runs are open, told once a minute: `cicd.pipeline.run.active`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Metric,
    NumberDataPoint,
    Sum,
)
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.database import limit_waiting
from shared.errors import Rejected, RetryLater
from shared.ghosts import IS_LIVE
from shared.reading import reading
from shared.rows import Row, as_int, rows
from telemetry.figures import Labels, one_resource
from telemetry.otlp import Receiver
from telemetry.spans import nanoseconds
from telemetry.words import attributes, pipeline_words

log = structlog.get_logger()

EVERY = timedelta(seconds=60)

# Of several senders one tells, and none while the receiver is left alone after a failure.
_TURN = text("""
    UPDATE telemetry SET active_told_at = :now
    WHERE id = 1 AND next_try_at <= :now AND (active_told_at IS NULL OR active_told_at <= :before) RETURNING id
""")

_OPEN = f"""
    SELECT i.provider, i.name AS instance, j.key AS project, p.name AS pipeline, r.name AS repository,
           r.url AS repository_url, CASE b.status WHEN 'queued' THEN 'pending' ELSE 'executing' END AS state,
           count(*) AS runs
    FROM builds b JOIN pipelines p ON p.id = b.pipeline_id JOIN instances i ON i.id = p.instance_id
    JOIN projects j ON j.id = p.project_id LEFT JOIN repositories r ON r.id = p.repository_id
    WHERE {IS_LIVE} GROUP BY 1, 2, 3, 4, 5, 6, 7
"""


@dataclass(frozen=True, slots=True)
class ActiveRuns:
    """Tells how many runs are open, and nought of a pipeline that had some when it was last told."""

    engine: Engine
    service_name: str
    _last: set[Labels] = field(default_factory=set)

    def tell(self, receiver: Receiver, now: datetime) -> None:
        """Tell if a minute has passed; what is not taken is told anew the next minute."""
        with Session(self.engine) as session, session.begin():
            limit_waiting(session)
            if session.scalar(_TURN, {"now": now, "before": now - EVERY}) is None:
                return
        with reading(self.engine) as opened:
            counted = {_labels(row): as_int(row["runs"]) for row in rows(opened.session, _OPEN)}
        points = dict.fromkeys(self._last, 0) | counted
        self._last.clear()
        self._last.update(counted)
        if not points:
            return
        try:
            receiver.send_metrics(active_request(points.items(), self.service_name, now), now)
        except (RetryLater, Rejected) as error:
            log.warning("open runs not taken", error=str(error))


def active_request(
    points: Iterable[tuple[Labels, int]], service_name: str, now: datetime
) -> ExportMetricsServiceRequest:
    """The counts as they are at this instant: they go up and down and begin nowhere."""
    told = [
        NumberDataPoint(attributes=attributes(dict(labels)), as_int=count, time_unix_nano=nanoseconds(now))
        for labels, count in points
    ]
    total = Sum(aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE, is_monotonic=False, data_points=told)
    return one_resource([Metric(name="cicd.pipeline.run.active", unit="{run}", sum=total)], service_name)


def _labels(row: Row) -> Labels:
    return tuple((pipeline_words(row) | {"cicd.pipeline.run.state": row["state"]}).items())
