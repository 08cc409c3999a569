"""Engines and how a session of ours behaves: short, READ COMMITTED, pinged when it was idle, without session state."""

import time

import psycopg
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from shared.rows import rows

TRUSTED_SECONDS = 1.0
"""A connection used this lately is not asked whether it still lives: under load the question would cost a round trip
of every transaction, and an answer may be out of date as soon as it is given."""


def psycopg_url(url: str) -> str:
    """The URL as SQLAlchemy wants it: `postgres://` and `postgresql://` both mean psycopg 3 here."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def libpq_url(url: str) -> str:
    """The same address for psycopg itself."""
    return make_url(psycopg_url(url)).set(drivername="postgresql").render_as_string(hide_password=False)


def make_engine(url: str, *, application: str, pool_size: int = 8, is_pooled: bool = False) -> Engine:
    """An engine for one process.

    `is_pooled` says that a transaction-pooling proxy stands between us and Postgres: then nothing is prepared on the
    server, because the next statement may reach another session. Keep-alives end a connection whose peer is gone.
    """
    connect_args: dict[str, object] = {
        "application_name": f"observatory {application}",
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    if is_pooled:
        connect_args["prepare_threshold"] = None
    engine = create_engine(
        psycopg_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_recycle=1800,
        connect_args=connect_args,
    )
    _ping_the_idle(engine)
    return engine


def _ping_the_idle(engine: Engine) -> None:
    """Have a connection that lay idle prove that it lives before it is used; a dead one empties the pool."""

    def used(_: object, entry: ConnectionPoolEntry) -> None:
        entry.info["used_at"] = time.monotonic()

    def ping(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        if time.monotonic() - entry.info.get("used_at", 0.0) < TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise InvalidatePoolError("the connection died while idle") from error

    event.listen(engine, "connect", used)
    event.listen(engine, "checkin", used)
    event.listen(engine, "checkout", ping)


_LIMITS = """
    SELECT set_config('lock_timeout', '5s', true), set_config('statement_timeout', '10s', true),
           set_config('idle_in_transaction_session_timeout', '5s', true)
"""

_UNSYNCED = f"{_LIMITS}, set_config('synchronous_commit', 'off', true)"


def limit_waiting(session: Session, *, is_synced: bool = True) -> None:
    """Bound this transaction, as its first statement: a frozen holder of a lock stops nobody for long.

    Unless `is_synced` it commits without waiting for the disk: a crash of the server may undo it, nothing else can. For
    what says itself again soon, like a lease; the order of commits stays what it was.
    """
    rows(session, _LIMITS if is_synced else _UNSYNCED)
