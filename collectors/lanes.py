"""Credentials that a provider wants used for one request at a time: their sources are polled one after the other.

Between two polls a log that somebody waits for gets its turn: the lane ends, and begins anew after it.
"""

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from collectors.poll import Poller
from shared import credentials, leases, log_requests
from shared.database import limit_waiting
from shared.errors import LeaseLost
from shared.leases import Claim

log = structlog.get_logger()

MOST_POLLS = 25
"""After so many a lane gives its thread and its credential back, so that another gets its turn."""

LOG_TURN_SECONDS = 1.0
"""A lane that ended for a log stays ended for so long: whoever fetches logs looks twice a second."""

LOG_EVERY_SECONDS = 2.0
"""A lane ends for logs at most so often, however many wait: the other half of the time is for polls."""

Submit = Callable[..., Future[None]]


class Lanes:
    """The lanes of one process. A lane holds its credential's lease, so that no other process asks with it meanwhile.

    Each request renews that lease; a holder that slept past it loses its poll (`LeaseLost`) before it asks again.
    """

    def __init__(self, engine: Engine, owner: str) -> None:
        self._engine = engine
        self._owner = owner
        self._running: dict[str, Future[None]] = {}
        self._ended_for_log_at: dict[str, float] = {}
        self._turn = 0

    @property
    def running(self) -> int:
        """How many lanes have a thread now."""
        return sum(not poll.done() for poll in self._running.values())

    def start_due(self, poller: Poller, lanes: Mapping[str, str], most: int, submit: Submit) -> set[Future[None]]:
        """Begin lanes in which a source is due, at most `most` at once; `lanes` maps installations to credentials."""
        self._running = {name: poll for name, poll in self._running.items() if not poll.done()}
        self._turn += 1
        started: set[Future[None]] = set()
        for instance, name in _rotated(list(lanes.items()), self._turn):
            if len(self._running) >= most or name in self._running or self._is_within(LOG_TURN_SECONDS, name):
                continue
            claim = self._first(instance, name)
            if claim is not None:
                self._running[name] = submit(self._run, poller, claim, name)
                started.add(self._running[name])
        return started

    def _first(self, instance: str, name: str) -> Claim | None:
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            if not credentials.hold(session, name, instance, self._owner):
                return None
            return self._claim(session, instance, name)

    def _next(self, instance: str, name: str) -> Claim | None:
        """The source to poll next; None, and the credential given back, when none is due or a log waits."""
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            credentials.keep(session, name, self._owner)
            if not self._is_within(LOG_EVERY_SECONDS, name) and instance in log_requests.waiting_instances(session):
                credentials.let_go(session, self._owner, name)
                self._ended_for_log_at[name] = time.monotonic()
                return None
            return self._claim(session, instance, name)

    def _is_within(self, seconds: float, name: str) -> bool:
        """Whether this lane ended for a log so short a time ago."""
        return time.monotonic() - self._ended_for_log_at.get(name, -math.inf) < seconds

    def _claim(self, session: Session, instance: str, name: str) -> Claim | None:
        """The source that is due for longest; without one the credential is given back."""
        claims = leases.claim(session, self._owner, [instance], 1, lane=name)
        if not claims:
            credentials.let_go(session, self._owner, name)
        return claims[0] if claims else None

    def _run(self, poller: Poller, first: Claim, name: str) -> None:
        """Poll one source after the other. A database that goes away ends the lane; its lease runs out."""
        claim: Claim | None = first
        try:
            for polls_left in reversed(range(MOST_POLLS)):
                if claim is None:
                    return
                poller.poll(claim)
                if polls_left == 0 or poller.stop.is_set():
                    break
                claim = self._next(first.instance, name)
            with Session(self._engine) as session, session.begin():
                limit_waiting(session)
                credentials.let_go(session, self._owner, name)
        except (LeaseLost, SQLAlchemyError) as error:
            log.warning("a lane ended", instance=first.instance, error=str(error).partition("\n")[0])


def _rotated(lanes: list[tuple[str, str]], turn: int) -> list[tuple[str, str]]:
    start = turn % len(lanes) if lanes else 0
    return lanes[start:] + lanes[:start]
