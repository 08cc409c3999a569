"""One short read-only transaction, with its deadline, its clock and its own plan for every statement."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.rows import rows

STATEMENT_TIMEOUT_SECONDS = 3


class Planning(StrEnum):
    """How statements that were asked before are planned, in the words of Postgres' `plan_cache_mode`."""

    AS_IT_SEEMS = "auto"
    FOR_ANY_VALUES = "force_generic_plan"
    """Once for all values: for long statements that go by one way whatever they are asked for, and that planning takes
    longer than they do."""
    BY_VALUES = "force_custom_plan"
    """Anew each time. A plan for "any status" walks a million builds to find the five that run. Where no value decides,
    planning would cost more than the answer."""


# One statement instead of five SETs. All of it is local to the transaction, because the connection may belong to a
# transaction-pooling proxy. Instants come back in UTC whatever the server's zone is.
_BEGIN = f"""
    SELECT set_config('transaction_read_only', 'on', true),
           set_config('statement_timeout', '{STATEMENT_TIMEOUT_SECONDS}s', true),
           set_config('TimeZone', 'UTC', true),
           set_config('jit', 'off', true),
           set_config('plan_cache_mode', :planning, true),
           now() AS as_of
"""

_PLAN_BY_VALUES = text(f"SELECT set_config('plan_cache_mode', '{Planning.BY_VALUES}', true)")
_PLAN_FOR_ANY = text(f"SELECT set_config('plan_cache_mode', '{Planning.FOR_ANY_VALUES}', true)")


@dataclass(frozen=True, slots=True)
class Reading:
    """An open read: `as_of` is the database's clock when it began."""

    session: Session
    as_of: datetime


@contextmanager
def reading(
    engine: Engine, *, is_one_snapshot: bool = False, planning: Planning = Planning.AS_IT_SEEMS
) -> Iterator[Reading]:
    """Read within one transaction that can neither write nor last.

    `is_one_snapshot`: all its statements see the same instant. A build that finishes between two of them would else be
    counted by neither or by both, or be shown as finished in a list of those that run.
    """
    with Session(engine) as session, session.begin():
        if is_one_snapshot:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        (begun,) = rows(session, _BEGIN, {"planning": str(planning)})
        as_of = begun["as_of"]
        assert isinstance(as_of, datetime)  # noqa: S101 (now() is nothing else)
        # The first answer still came in the server's zone: the setting holds for what follows.
        yield Reading(session, as_of.astimezone(UTC))


def plan_by_values(session: Session) -> None:
    """Plan what follows in this transaction with the values it is asked for."""
    session.execute(_PLAN_BY_VALUES)


def plan_for_any(session: Session) -> None:
    """Plan what follows in this transaction once for all values."""
    session.execute(_PLAN_FOR_ANY)
