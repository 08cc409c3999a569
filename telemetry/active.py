"""How many runs are open, told once a minute: `cicd.pipeline.run.active`."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    WHERE id = 1 AND next_try_at <= :now AND (active_told_at IS NULL OR active_told_at <= :before) RETURNING active_told
""")

_OPEN = f"""
    SELECT i.provider, i.name AS instance, j.key AS project, p.name AS pipeline, r.name AS repository,
           r.url AS repository_url, count(*) AS runs,
           CASE WHEN b.status IN ('queued', 'blocked') THEN 'pending' ELSE 'executing' END AS state
    FROM builds b JOIN pipelines p ON p.id = b.pipeline_id JOIN instances i ON i.id = p.instance_id
    JOIN projects j ON j.id = p.project_id LEFT JOIN repositories r ON r.id = p.repository_id
    WHERE {IS_LIVE} GROUP BY 1, 2, 3, 4, 5, 6, state
"""


_NOTE = text("UPDATE telemetry SET active_told = CAST(:labels AS jsonb) WHERE id = 1 AND active_told_at = :turn")


@dataclass(frozen=True, slots=True)
class ActiveRuns:
    """Tells how many runs are open, and nought of a pipeline that had some when it was last told, by whomever."""

    engine: Engine
    service_name: str

    def tell(self, receiver: Receiver, now: datetime) -> None:
        """Tell if a minute has passed; what is not taken is told anew the next minute."""
        with Session(self.engine) as session, session.begin():
            limit_waiting(session)
            told = session.scalar(_TURN, {"now": now, "before": now - EVERY})
        if told is None:
            return
        with reading(self.engine) as opened:
            counted = {_labels(row): as_int(row["runs"]) for row in rows(opened.session, _OPEN)}
        points = dict.fromkeys(map(_from_record, told), 0) | counted
        if not points:
            return
        # Before it is sent: of what is not answered, nobody knows whether it arrived.
        self._note(points, now)
        try:
            receiver.send_metrics(active_request(points.items(), self.service_name, now), now)
        except (RetryLater, Rejected) as error:
            log.warning("open runs not taken", error=str(error))
            return
        self._note(counted, now)

    def _note(self, labels: Iterable[Labels], turn: datetime) -> None:
        """Keep what may stand above nought at the receiver, unless another had a turn since."""
        with Session(self.engine) as session, session.begin():
            limit_waiting(session)
            session.execute(_NOTE, {"labels": json.dumps(list(labels)), "turn": turn})


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


def _from_record(pairs: Iterable[Sequence[object]]) -> Labels:
    return tuple((str(name), value) for name, value in pairs)


def _labels(row: Row) -> Labels:
    return tuple((pipeline_words(row) | {"cicd.pipeline.run.state": row["state"]}).items())
