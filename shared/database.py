"""Engines and how a session of ours behaves: short, READ COMMITTED, pinged, without session state."""

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.orm import Session


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
    return create_engine(
        psycopg_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args=connect_args,
    )


_LIMITS = text("""
    SELECT set_config('lock_timeout', '5s', true), set_config('statement_timeout', '10s', true),
           set_config('idle_in_transaction_session_timeout', '5s', true)
""")


def limit_waiting(session: Session) -> None:
    """Bound this transaction, as its first statement: a frozen holder of a lock stops nobody for long."""
    session.execute(_LIMITS)
