"""Runs the revisions: one migrator at a time, and never queueing for long behind a reader's lock."""

import time

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from shared.models import Base

MIGRATION_LOCK = 7_260_001
LOCK_TRIES = 5


def run_once(connection: Connection) -> None:
    """One try, under the advisory lock; `lock_timeout` keeps a waiting ALTER from blocking every later reader."""
    with connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
        with context.begin_transaction():
            context.run_migrations()


def run(connection: Connection) -> None:
    """Try again when a lock was not had within its time (SQLSTATE 55P03); anything else is an error."""
    for attempt in range(1, LOCK_TRIES + 1):
        try:
            run_once(connection)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03" or attempt == LOCK_TRIES:
                raise
            time.sleep(attempt)
        else:
            return


run(context.config.attributes["connection"])
