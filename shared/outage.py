"""Trouble that lasts, in the log: a line at once, then ever fewer of them, and one when it is over."""

import logging
import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

SHORTEST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0

log = structlog.get_logger()


class Outage:
    """What one process knows of whether its database is away; every loop that meets it may tell, from any thread.

    With other words for its end it is of something else that fails and works again.
    """

    def __init__(self, over: str = "database is back", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._over = over
        self._clock = clock
        self._lock = threading.Lock()
        self._began_at: float | None = None
        self._next_line_at = 0.0
        self._pause = SHORTEST_PAUSE_SECONDS

    def failed(self, event: str, error: Exception, level: int = logging.WARNING, **fields: object) -> None:
        """It did not work: a line, the next one 2, 4, 8 … 60 s later, whoever it comes from."""
        with self._lock:
            now = self._clock()
            if self._began_at is None:
                self._began_at, self._next_line_at, self._pause = now, now, SHORTEST_PAUSE_SECONDS
            if now < self._next_line_at:
                return
            self._next_line_at, self._pause = now + self._pause, min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        log.log(level, event, **fields, error=first_line(error))

    def is_over(self, **fields: object) -> None:
        """It worked; says so when it had not before."""
        with self._lock:
            if self._began_at is None:
                return
            seconds, self._began_at = self._clock() - self._began_at, None
        log.info(self._over, **fields, seconds=round(seconds, 1))


_AWAY = ("08", "53", "57P")
"""Classes of what Postgres says when it cannot be worked with at all: connections, resources, shutting down."""


def is_away(error: Exception) -> bool:
    """Whether the database cannot be reached or takes no work at all, so that no single statement is to blame."""
    if isinstance(error, NoConnection) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return True
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    sqlstate: str | None = getattr(error.orig, "sqlstate", None)
    return sqlstate is None or sqlstate.startswith(_AWAY)


def first_line(error: Exception) -> str:
    """What the driver says, without the lines that only explain it and without SQLAlchemy's quotation of the query."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
