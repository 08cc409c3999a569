"""Sends on what has ended: read past the position, send, settle; killed in between, the same is sent once more."""

from datetime import datetime

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from shared.config.telemetry import TelemetrySettings
from shared.database import limit_waiting
from shared.errors import Rejected, RetryLater
from shared.reading import plan_by_values, reading
from shared.secret import SecretUnavailable
from telemetry import standing
from telemetry.active import ActiveRuns
from telemetry.figures import metrics_request
from telemetry.otlp import Receiver
from telemetry.runs import Batch, read_batch
from telemetry.spans import trace_request
from telemetry.standing import Stand

log = structlog.get_logger()

BATCHES = 20
"""Batches sent in one go; the rest waits for the next."""


class Sender:
    """One scheduler's sender; of several only one sends at a time, whichever claims the turn."""

    def __init__(self, engine: Engine, settings: TelemetrySettings, endpoint: str) -> None:
        self.engine, self.settings, self.endpoint = engine, settings, endpoint
        self._active = ActiveRuns(engine, settings.service_name)

    def catch_up(self, now: datetime) -> int:
        """Send what has ended, in bounded batches; returns how many runs were taken."""
        with Session(self.engine) as session, session.begin():
            limit_waiting(session)
            standing.start(session)
        total = 0
        for _ in range(BATCHES):
            sent, is_more = self._send_next(now)
            total += sent
            if not is_more:
                break
        return total

    def tell_active(self, now: datetime) -> None:
        """Tell how many runs are open, once a minute, where metrics are sent."""
        if self.settings.metrics:
            try:
                self._active.tell(self._receiver(), now)
            except (SecretUnavailable, ValueError) as error:
                log.warning("open runs not told", error=str(error))

    def _receiver(self) -> Receiver:
        """Raises SecretUnavailable, or ValueError where the secret holds no headers."""
        return Receiver(self.endpoint, self.settings.read_headers())

    def _send_next(self, now: datetime) -> tuple[int, bool]:
        """Send one batch; returns how many of its runs were taken, and whether there is reason to go on."""
        with reading(self.engine) as opened:
            at = standing.stand(opened.session, now)
            if at is None:
                return 0, False
            plan_by_values(opened.session)
            batch = read_batch(opened.session, at.pos, now)
        if batch.reached == at.pos:
            return 0, False
        with Session(self.engine) as session, session.begin():
            limit_waiting(session)
            fence = standing.claim(session, at, now)
        if fence is None:
            return 0, False
        if not batch.runs:
            return self._settle(batch, fence, now, sent=0), batch.is_full
        sent = self._send(batch, at, fence, now)
        return sent or 0, sent is not None and batch.is_full

    def _send(self, batch: Batch, at: Stand, fence: int, now: datetime) -> int | None:
        """Send and settle; returns how many runs were taken, None where they have to be sent again.

        A database that is away meanwhile leaves the turn to its lease.
        """
        try:
            remarks = self._post(batch, now)
        except Rejected as error:
            log.error("telemetry refused for good", runs=len(batch.runs), error=str(error))  # noqa: TRY400
            return self._settle(batch, fence, now, sent=0, dropped=len(batch.runs), error=str(error))
        except (RetryLater, SecretUnavailable, ValueError) as error:
            wanted = error.retry_after_seconds if isinstance(error, RetryLater) else None
            with Session(self.engine) as session, session.begin():
                limit_waiting(session)
                next_try_at = standing.fail(session, fence, at, now, error=str(error), wanted_seconds=wanted)
            log.warning("telemetry not taken", error=str(error), failures=at.failures + 1, next_try_at=next_try_at)
            return None
        if remarks:
            log.warning("telemetry taken in part", remarks=remarks)
        log.debug("telemetry sent", runs=len(batch.runs), reached=batch.reached)
        return self._settle(batch, fence, now, sent=len(batch.runs), error="; ".join(remarks) or None)

    def _post(self, batch: Batch, now: datetime) -> list[str]:
        """Traces first: sent again they are the same, metrics would be counted twice."""
        receiver, name = self._receiver(), self.settings.service_name
        remarks = [receiver.send_traces(trace_request(batch.runs, name), now)]
        figures = metrics_request(batch.runs, name, batch.since(now), now) if self.settings.metrics else None
        if figures is not None:
            remarks.append(receiver.send_metrics(figures, now))
        return [remark for remark in remarks if remark is not None]

    def _settle(
        self, batch: Batch, fence: int, now: datetime, *, sent: int, dropped: int = 0, error: str | None = None
    ) -> int:
        with Session(self.engine) as session, session.begin():
            limit_waiting(session)
            standing.settle(session, fence, batch.reached, now, sent=sent, dropped=dropped, error=error)
        return sent
