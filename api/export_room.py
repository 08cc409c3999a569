"""How many files one process writes at a time, and whether those who asked for them are still there."""

import errno
import socket
import time
from dataclasses import dataclass, field
from threading import BoundedSemaphore

from flask import Flask, current_app, request

from api.problems import Problem

MOST_AT_ONCE = 4
"""So many files a process writes at a time: each keeps one page of rows and asks the database without a pause."""

RETRY_SECONDS = 30

MOST_STALLED_SECONDS = 60
"""A reader that takes nothing for so long loses its place: four of them would close exports for everybody."""

MOST_SILENT_SECONDS = 600
"""How long rows are looked for without one to send where the server does not say whether the reader is there."""

_NAME = "exports"


def register(app: Flask) -> None:
    """Give an application its room."""
    app.extensions[_NAME] = BoundedSemaphore(MOST_AT_ONCE)


@dataclass(slots=True)
class Place:
    """The right to write one file to the reader of this request, until `leave`, which may be called again."""

    room: BoundedSemaphore
    connection: socket.socket | None = None
    is_left: bool = False
    last_sent: float = field(default_factory=time.monotonic)

    def leave(self) -> None:
        """Make room for another."""
        if not self.is_left:
            self.is_left = True
            if self.connection is not None and self.connection.fileno() != -1:
                self.connection.settimeout(None)
            self.room.release()

    def sent(self) -> None:
        """Something was taken: the reader was there."""
        self.last_sent = time.monotonic()

    def check_reader(self) -> None:
        """Raises OSError when nobody waits any more; to be asked while there is nothing to send."""
        if self.connection is None:
            if time.monotonic() - self.last_sent > MOST_SILENT_SECONDS:
                raise TimeoutError(errno.ETIMEDOUT, "nothing to send for too long")
        elif _has_hung_up(self.connection):
            raise BrokenPipeError(errno.EPIPE, "the reader hung up")


def take_place() -> Place:
    """A place for the file that this request asks for; raises a 503 problem when all are taken."""
    room = current_app.extensions[_NAME]
    assert isinstance(room, BoundedSemaphore)  # noqa: S101 (put there by `register`)
    if not room.acquire(blocking=False):
        words = f"{MOST_AT_ONCE} files are being written by this process. Try again in {RETRY_SECONDS} s."
        raise Problem(503, words, headers={"Retry-After": str(RETRY_SECONDS)})
    connection = request.environ.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(MOST_STALLED_SECONDS)
    return Place(room, connection)


def _has_hung_up(connection: socket.socket) -> bool:
    """Whether the other end was closed: then there is an end to be read, not just nothing yet."""
    timeout = connection.gettimeout()
    try:
        connection.settimeout(0)
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        if connection.fileno() != -1:
            connection.settimeout(timeout)
