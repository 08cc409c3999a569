"""Which processes of ours live: a heartbeat row each, and the leases of those that died on this machine."""

import os
import signal
import socket
import uuid
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import psutil
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import credentials, leases, log_requests, receipt_queue, watches
from shared.jobs import Trouble
from shared.wire import encode

FORGOTTEN_AFTER = "1 day"

_BEAT = text("""
    INSERT INTO processes (id, kind, host, pid, version, troubles)
    VALUES (:id, :kind, :host, :pid, :version, CAST(:troubles AS jsonb))
    ON CONFLICT (id) DO UPDATE SET heartbeat_at = clock_timestamp(), troubles = excluded.troubles
""")
_FORGET = text(f"DELETE FROM processes WHERE heartbeat_at < clock_timestamp() - interval '{FORGOTTEN_AFTER}'")
_REMOVE = text("DELETE FROM processes WHERE id = :id")
_SAME_KIND = text("SELECT id FROM processes WHERE kind = :kind AND id LIKE :here || '/%' AND id <> :id")
_REMOVE_ALL = text("DELETE FROM processes WHERE id = ANY(:ids)")
_HOLDERS = text("""
    SELECT lease_owner FROM sources WHERE lease_owner LIKE :here || '/%'
    UNION SELECT lease_owner FROM credentials WHERE lease_owner LIKE :here || '/%'
    UNION SELECT lease_owner FROM watches WHERE lease_owner LIKE :here || '/%'
    UNION SELECT lease_owner FROM log_requests WHERE state = 'fetching' AND lease_owner LIKE :here || '/%'
    UNION SELECT lease_owner FROM receipts WHERE state = 'processing' AND lease_owner LIKE :here || '/%'
""")


class Identity:
    """Who this process is: `machine/pid/start/random`. The machine's name survives no reboot and no other container."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.host = socket.gethostname()
        self.pid = os.getpid()
        self.machine = _machine(self.host)
        self.id = f"{self.machine}/{self.pid}/{_started(self.pid)}/{uuid.uuid4().hex[:8]}"


def beat(session: Session, identity: Identity, troubles: Sequence[Trouble] = ()) -> None:
    """Say that this process lives and what of it fails each time, and forget those silent for a day."""
    given = {"id": identity.id, "kind": identity.kind, "host": identity.host, "pid": identity.pid}
    told = encode(list(troubles)).decode() if troubles else None
    session.execute(_BEAT, given | {"version": version("build-observatory"), "troubles": told})
    session.execute(_FORGET)


def leave(session: Session, identity: Identity) -> None:
    """Say that this process ends."""
    session.execute(_REMOVE, {"id": identity.id})


def forget_the_dead(session: Session, identity: Identity) -> None:
    """Remove the rows of this kind's processes of this machine that ended without a word."""
    others = session.scalars(_SAME_KIND, {"kind": identity.kind, "here": identity.machine, "id": identity.id}).all()
    if dead := [other for other in others if not _lives(other)]:
        session.execute(_REMOVE_ALL, {"ids": dead})


def free_leases_of_the_dead(session: Session, identity: Identity) -> int:
    """Give back what killed processes of this machine held, so that nobody has to wait until their leases run out."""
    holders = session.scalars(_HOLDERS, {"here": identity.machine}).all()
    dead = [holder for holder in holders if holder != identity.id and not _lives(holder)]
    return sum(_free(session, holder) for holder in dead)


def _free(session: Session, holder: str) -> int:
    credentials.let_go(session, holder)
    watches.abandon(session, holder)
    receipt_queue.abandon(session, holder, is_counted=True)
    return leases.abandon(session, holder) + log_requests.abandon(session, holder)


def signal_here(holder: str, number: signal.Signals) -> bool:
    """Signal a process of ours by its identity; False when it is not on this machine, gone, or another user's."""
    machine, pid, _, _ = holder.rsplit("/", 3)
    if machine != _machine(socket.gethostname()) or not _lives(holder):
        return False
    try:
        os.kill(int(pid), number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _lives(holder: str) -> bool:
    """Whether the process of a lease still runs; its number alone may have been given to another since.

    What follows the identity, as in `…/discovery`, names a part of the process.
    """
    _, pid, started, *_ = holder.split("/")
    return _started(int(pid)) == started


def _started(pid: int) -> str | None:
    """When a process began, None if there is none: in clock ticks since the boot, which no change of the time moves."""
    try:
        # The name of the program, in brackets, may itself hold spaces and brackets; what counts comes after it.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        pass
    try:
        return str(round(psutil.Process(pid).create_time()))
    except psutil.NoSuchProcess:
        return None


def _machine(host: str) -> str:
    """A name for what shares our process numbers: the host, this boot of it, and the container, where Linux tells."""
    parts = [host]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8])
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    except OSError:
        parts.append("-")
    return ":".join(parts)
