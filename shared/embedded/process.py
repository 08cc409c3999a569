"""Which Postgres runs on a data folder, and how a left-over one is ended."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from shared.errors import CannotStart


@dataclass(frozen=True, slots=True)
class Running:
    """What postmaster.pid says; `is_ready` once the server accepts connections."""

    pid: int
    socket: Path
    is_ready: bool


def read_pid_file(data: Path) -> Running | None:
    """The server that says it runs on this folder; None when there is none or it has only begun to say so."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return Running(int(lines[0]), Path(lines[4]), len(lines) > 7 and lines[7].strip() == "ready")
    except (FileNotFoundError, IndexError, ValueError):
        return None


def servers_on(data: Path, uid: int) -> list[int]:
    """The processes of a Postgres on this folder, postmaster and backends: it is their working directory.

    The pid file alone proves nothing: after a reboot or in a new container its number may be anybody's.
    """
    import psutil  # noqa: PLC0415  (only needed after an unclean end, and the supervisor is to stay small)

    found = []
    for process in psutil.process_iter():
        try:
            if process.uids().effective == uid and process.cwd() == str(data):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def end_left_overs(data: Path, uid: int, *, seconds: float = 10.0) -> None:
    """Ends the server that an earlier, killed Observatory left behind, and removes a pid file that is nobody's.

    Call it under the folder's lock: whatever runs then belongs to no living Observatory. First a fast shutdown;
    a kill (which the write-ahead log repairs) only when that takes too long.
    """
    stated = read_pid_file(data)
    if not (data / "postmaster.pid").exists():
        return
    if stated is not None and stated.pid in servers_on(data, uid):
        os.kill(stated.pid, signal.SIGINT)
        _wait_until_gone(data, uid, seconds)
    for pid in servers_on(data, uid):
        _kill(pid)
    if not _wait_until_gone(data, uid, 5.0):
        raise CannotStart(f"A left-over PostgreSQL on {data} does not end", "End it by hand, then start again.")
    (data / "postmaster.pid").unlink(missing_ok=True)


def _wait_until_gone(data: Path, uid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while servers_on(data, uid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
