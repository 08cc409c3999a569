"""Sends on what has ended: read past the position, send, settle; killed in between, the same is sent once more.

A batch that the receiver refuses is sent again in smaller ones, so that the one run it will not take stands alone.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from shared.config.telemetry import TelemetrySettings
from shared.database import limit_waiting
from shared.errors import LeaseLost, Rejected, RetryLater
from shared.reading import plan_by_values, reading
from shared.secret import SecretUnavailable
from telemetry import standing
from telemetry.active import ActiveRuns
from telemetry.figures import metrics_request
from telemetry.otlp import Receiver
from telemetry.runs import RUNS, Batch, read_batch
from telemetry.spans import trace_request
from telemetry.standing import Outcome, Stand

log = structlog.get_logger()

BATCHES = 20
"""Batches sent in one go; the rest waits for the next."""

Clock = Callable[[], datetime]


class Sender:
    """One scheduler's sender; of several only one sends at a time, whichever claims the turn."""

    def __init__(self, engine: Engine, settings: TelemetrySettings, endpoint: str) -> None:
        self.engine, self.settings, self.endpoint = engine, settings, endpoint
        self._active = ActiveRuns(engine, settings.service_name)
        self._most = RUNS

    def catch_up(self, now: datetime, seconds: Callable[[], float] = time.monotonic) -> int:
        """Send what has ended, in bounded batches; returns how many runs were taken.

        `now` is the instant at which it begins; `seconds` tells the time that has passed since, which may be minutes.
        """
        clock = _clock(now, seconds)
        with Session(self.engine) as session, session.begin():
            limit_waiting(session)
            standing.start(session)
        total = 0
        for _ in range(BATCHES):
            sent, is_more = self._send_next(clock)
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

    def _send_next(self, clock: Clock) -> tuple[int, bool]:
        """Send one batch; returns how many of its runs were taken, and whether there is reason to go on."""
        now = clock()
        with reading(self.engine) as opened:
            at = standing.stand(opened.session, now)
            if at is None:
                return 0, False
            plan_by_values(opened.session)
            batch = read_batch(opened.session, at.pos, now, self._most)
        if batch.reached == at.pos:
            return 0, False
        with Session(self.engine) as session, session.begin():
            limit_waiting(session)
            fence = standing.claim(session, at, clock())
        if fence is None:
            return 0, False
        return self._send(batch, at, fence, clock)

    def _send(self, batch: Batch, at: Stand, fence: int, clock: Clock) -> tuple[int, bool]:
        """Send and settle, as far as it is taken; returns what `_send_next` does.

        A database that is away meanwhile leaves the turn to its lease.
        """
        try:
            outcome = self._post(batch, fence, clock) if batch.runs else Outcome()
        except LeaseLost as error:
            log.warning("telemetry left to another", error=str(error))
            return 0, False
        except (RetryLater, SecretUnavailable, ValueError) as error:
            self._fail(error, at, fence, clock())
            return 0, False
        if outcome is None:
            return self._divide(batch, fence)
        is_clean = not outcome.dropped and not outcome.metrics_dropped
        self._most = min(RUNS, self._most * 2) if is_clean else self._most
        with Session(self.engine) as session, session.begin():
            limit_waiting(session)
            standing.settle(session, fence, batch.reached, clock(), outcome)
        log.debug("telemetry sent", runs=outcome.sent, reached=batch.reached)
        return outcome.sent, batch.is_full

    def _post(self, batch: Batch, fence: int, clock: Clock) -> Outcome | None:
        """Send a batch's traces and metrics; None when some of it is refused for good and it can be divided.

        Traces first: sent again they are the same, metrics would be counted twice.
        """
        receiver, name, remarks = self._receiver(), self.settings.service_name, []
        try:
            traces = trace_request(batch.runs, name)
            remarks.append(receiver.send_traces(traces, self._hold(fence, clock)))
        except Rejected as error:
            return None if len(batch.runs) > 1 else _refused(Outcome(dropped=1, error=str(error)))
        try:
            now = clock()
            figures = metrics_request(batch.runs, name, batch.since(now), now) if self.settings.metrics else None
            if figures is not None:
                remarks.append(receiver.send_metrics(figures, self._hold(fence, clock)))
        except Rejected as error:
            words = f"traces were taken, metrics were not: {error}"
            return None if len(batch.runs) > 1 else _refused(Outcome(sent=1, metrics_dropped=1, error=words))
        left_out = [remark for remark in remarks if remark is not None]
        if left_out:
            log.warning("telemetry taken in part", remarks=left_out)
        return Outcome(sent=len(batch.runs), error="; ".join(left_out) or None)

    def _hold(self, fence: int, clock: Clock) -> datetime:
        """Have a whole lease before the next request; returns the instant. Raises LeaseLost."""
        now = clock()
        with Session(self.engine) as session, session.begin():
            limit_waiting(session)
            standing.hold(session, fence, now)
        return now

    def _divide(self, batch: Batch, fence: int) -> tuple[int, bool]:
        """Have half as many runs sent next, from where we stand."""
        self._most = len(batch.runs) // 2
        log.info("telemetry refused, sent again in smaller batches", runs=len(batch.runs), next_runs=self._most)
        with Session(self.engine) as session, session.begin():
            limit_waiting(session)
            standing.give_back(session, fence)
        return 0, True

    def _fail(self, error: Exception, at: Stand, fence: int, now: datetime) -> None:
        wanted = error.retry_after_seconds if isinstance(error, RetryLater) else None
        with Session(self.engine) as session, session.begin():
            limit_waiting(session)
            next_try_at = standing.fail(session, fence, at, now, error=str(error), wanted_seconds=wanted)
        log.warning("telemetry not taken", error=str(error), failures=at.failures + 1, next_try_at=next_try_at)


def _clock(now: datetime, seconds: Callable[[], float]) -> Clock:
    begun = seconds()
    return lambda: now + timedelta(seconds=seconds() - begun)


def _refused(outcome: Outcome) -> Outcome:
    log.error(
        "telemetry refused for good", traces=outcome.dropped, metrics=outcome.metrics_dropped, error=outcome.error
    )
    return outcome
