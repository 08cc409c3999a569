"""One short read-only transaction, with its deadline, its clock and its own plan for every statement."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

STATEMENT_TIMEOUT_SECONDS = 3

# One statement instead of four SETs. All of it is local to the transaction, because the connection may belong to a
# transaction-pooling proxy. Instants come back in UTC whatever the server's zone is.
_BEGIN = text(f"""
    SELECT set_config('transaction_read_only', 'on', true),
           set_config('statement_timeout', '{STATEMENT_TIMEOUT_SECONDS}s', true),
           set_config('TimeZone', 'UTC', true),
           set_config('jit', 'off', true),
           now()
""")

_PLAN_BY_VALUES = text("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")


@dataclass(frozen=True, slots=True)
class Reading:
    """An open read: `as_of` is the database's clock when it began."""

    session: Session
    as_of: datetime


@contextmanager
def reading(engine: Engine) -> Iterator[Reading]:
    """Read within one transaction that can neither write nor last."""
    with Session(engine) as session, session.begin():
        as_of = begin_reading(session)
        yield Reading(session, as_of)


def begin_reading(session: Session) -> datetime:
    """Make the transaction of this session a short read-only one; returns its instant by the database's clock."""
    row = session.execute(_BEGIN).one()
    # The first answer still came in the server's zone: the setting holds for what follows.
    instant: datetime = row[-1]
    return instant.astimezone(UTC)


def plan_by_values(session: Session) -> None:
    """Plan what follows in this transaction with the values it is asked for.

    A plan for "any status" walks a million builds to find the five that run. Where no value decides, planning anew
    each time would cost more than the answer.
    """
    session.execute(_PLAN_BY_VALUES)
