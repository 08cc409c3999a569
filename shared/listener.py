"""Waits for a notification, of the event log by default. It only shortens a wait: whoever waits looks anyway."""

import time

import psycopg
import structlog

from shared.database import libpq_url
from shared.events import CHANNEL
from shared.outage import first_line

SHORTEST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0

log = structlog.get_logger()


class Listener:
    """One connection of its own that listens, straight to the server (a transaction-pooling proxy swallows LISTEN).

    It has no thread: `wait` is called by the reader's loop. Without a connection it is a clock, and it tries again with
    growing pauses. What happened while it was not connected is not known, so a new connection counts as a wake-up.
    """

    def __init__(self, url: str, *, application: str, channel: str = CHANNEL) -> None:
        self._channel = channel
        self._url = libpq_url(url)
        self._application = f"observatory {application} listener"
        self._connection: psycopg.Connection | None = None
        self._pause_seconds = SHORTEST_PAUSE_SECONDS
        self._next_try = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether notifications can arrive at the moment."""
        return self._connection is not None and not self._connection.closed

    def wait(self, timeout_seconds: float) -> bool:
        """Return True as soon as the log may have grown, False after the time; never raises because of the network."""
        until = time.monotonic() + timeout_seconds
        try:
            if self._connection is None:
                return self._connect(until)
            return any(True for _ in self._connection.notifies(timeout=timeout_seconds, stop_after=1))
        except psycopg.Error as error:
            self._lose(error)
            time.sleep(max(0.0, min(self._next_try, until) - time.monotonic()))
            return False

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self, until: float) -> bool:
        """Connect if it is time to; True when connected, because anything may have happened before."""
        if self._next_try > until:
            time.sleep(max(0.0, until - time.monotonic()))
            return False
        time.sleep(max(0.0, self._next_try - time.monotonic()))
        connection = psycopg.connect(
            self._url,
            autocommit=True,
            application_name=self._application,
            connect_timeout=5,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=20_000,
        )
        try:
            connection.execute(f"LISTEN {self._channel}")
        except psycopg.Error:
            connection.close()
            raise
        self._connection = connection
        self._pause_seconds = SHORTEST_PAUSE_SECONDS
        return True

    def _lose(self, error: psycopg.Error) -> None:
        self.close()
        self._next_try = time.monotonic() + self._pause_seconds
        # Only the loss is news; that it lasts, the reader of the log says, which goes on without us if it can.
        tell = log.warning if self._pause_seconds == SHORTEST_PAUSE_SECONDS else log.debug
        tell("lost listener", error=first_line(error), retry_seconds=self._pause_seconds)
        self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
