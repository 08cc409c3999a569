"""An outage of the database in the log: a line at once, then ever fewer of them, and one when it is over."""

import threading
import time
from collections.abc import Callable

import structlog

SHORTEST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0

log = structlog.get_logger()


class Outage:
    """What one process knows of whether its database is away; every loop that meets it may tell, from any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began_at: float | None = None
        self._next_line_at = 0.0
        self._pause = SHORTEST_PAUSE_SECONDS

    def failed(self, event: str, error: Exception, **fields: object) -> None:
        """The database did not answer: a warning, the next one 2, 4, 8 … 60 s later, whoever it comes from."""
        with self._lock:
            now = self._clock()
            if self._began_at is None:
                self._began_at, self._next_line_at, self._pause = now, now, SHORTEST_PAUSE_SECONDS
            if now < self._next_line_at:
                return
            self._next_line_at, self._pause = now + self._pause, min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        log.warning(event, **fields, error=first_line(error))

    def is_over(self) -> None:
        """The database answered; says so when it had not before."""
        with self._lock:
            if self._began_at is None:
                return
            seconds, self._began_at = self._clock() - self._began_at, None
        log.info("database is back", seconds=round(seconds, 1))


def first_line(error: Exception) -> str:
    """What the driver says, without the lines that only explain it and without SQLAlchemy's quotation of the query."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
