"""One short read-only transaction, with its deadline, its clock and its own plan for every statement."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.rows import rows

STATEMENT_TIMEOUT_SECONDS = 3

# One statement instead of four SETs. All of it is local to the transaction, because the connection may belong to a
# transaction-pooling proxy. Instants come back in UTC whatever the server's zone is.
_BEGIN = f"""
    SELECT set_config('transaction_read_only', 'on', true),
           set_config('statement_timeout', '{STATEMENT_TIMEOUT_SECONDS}s', true),
           set_config('TimeZone', 'UTC', true),
           set_config('jit', 'off', true),
           now() AS as_of
"""

_PLAN_BY_VALUES = text("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")


@dataclass(frozen=True, slots=True)
class Reading:
    """An open read: `as_of` is the database's clock when it began."""

    session: Session
    as_of: datetime


@contextmanager
def reading(engine: Engine, *, is_one_snapshot: bool = False) -> Iterator[Reading]:
    """Read within one transaction that can neither write nor last.

    `is_one_snapshot`: all its statements see the same instant. A build that finishes between two of them would else be
    counted by neither, or by both.
    """
    bound = engine.execution_options(isolation_level="REPEATABLE READ") if is_one_snapshot else engine
    with Session(bound) as session, session.begin():
        as_of = begin_reading(session)
        yield Reading(session, as_of)


def begin_reading(session: Session) -> datetime:
    """Make the transaction of this session a short read-only one; returns its instant by the database's clock."""
    (begun,) = rows(session, _BEGIN)
    instant = begun["as_of"]
    assert isinstance(instant, datetime)  # noqa: S101 (now() is nothing else)
    # The first answer still came in the server's zone: the setting holds for what follows.
    return instant.astimezone(UTC)


def plan_by_values(session: Session) -> None:
    """Plan what follows in this transaction with the values it is asked for.

    A plan for "any status" walks a million builds to find the five that run. Where no value decides, planning anew
    each time would cost more than the answer.
    """
    session.execute(_PLAN_BY_VALUES)


_PLAN_FOR_ANY = text("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")


def plan_for_any(session: Session) -> None:
    """Plan what follows in this transaction once for all values.

    For long statements that go by one way whatever they are asked for: planning them takes longer than they do.
    """
    session.execute(_PLAN_FOR_ANY)
