"""The fold: what was recorded since the last one is added to `metric_cells`, in one transaction, by one at a time.

A figure is what the cells hold and the changes not folded yet, read from one snapshot: so it is exact before, while and
after. Only flakes are found here, and so they lag by as much as the fold does.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared.metrics import adding, flakes, members, recount

log = structlog.get_logger()

MOST_CHANGES = 20_000
"""How many changes one fold takes; what is more waits for the next."""

CATCH_UP_SECONDS = 1.0
"""For so long the scheduler folds on at once while there is more to do."""

VACUUM_AFTER = 5_000
"""Figures read every row of `metric_changes`, dead ones too: after so many they are cleared away at once."""

# SET takes no snapshot, a SELECT would: what the transaction sees has to come after the lock.
_LIMITS = (
    "SET LOCAL lock_timeout = '5s'",
    "SET LOCAL statement_timeout = '30min'",
    "SET LOCAL jit = off",
    "SET LOCAL enable_memoize = off",
    "SET LOCAL work_mem = '64MB'",
)

# A new pipeline's changes are all that figures know of it until it is counted.
_TAKE = text(f"""
    WITH taken AS (
        DELETE FROM metric_changes
        WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM metric_changes WHERE pipeline_id IN (SELECT pipeline_id FROM metric_members)
            LIMIT {MOST_CHANGES})) RETURNING *
    )
    SELECT count(*) AS changes, CAST(json_agg(taken) AS text) AS document FROM taken
""")

_TAKEN = """
    SELECT * FROM json_to_recordset(CAST(:taken AS json)) AS c (
        build_id bigint, pipeline_id bigint, branch text, queued_at timestamptz, status text, cancel_reason text,
        builds int, first_tries int, flaky int, duration_ms bigint, queued_ms bigint)
"""

_CONTRIBUTIONS = """
    SELECT build_id, pipeline_id, branch, queued_at, status, cancel_reason, builds, first_tries,
           coalesce(flaky, 0) AS flaky, duration_ms, queued_ms FROM taken
"""

# What changed where nothing is counted yet is part of what will be.
_COUNTED = "(SELECT * FROM metric_members WHERE is_counted)"

_ADD = f"""
    WITH taken AS ({_TAKEN}),
    entries AS (
        {adding.ENTRIES_OF_CONTRIBUTIONS.format(contributions=_CONTRIBUTIONS, members=_COUNTED)}
    )
"""


@dataclass(frozen=True, slots=True)
class Folded:
    """What one fold did; `is_behind`: there may be more to do at once."""

    changes: int = 0
    cells: int = 0
    pipelines: int = 0
    is_behind: bool = False


class Folder:
    """Folds for one scheduler of possibly several; remembers what there is to clear away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dead_changes = 0

    def catch_up(self, stop: threading.Event) -> None:
        """Fold, and again while there is more to do: for about CATCH_UP_SECONDS, or until told to stop."""
        began = time.monotonic()
        while (folded := self.fold()) is not None and folded.is_behind:
            if stop.is_set() or time.monotonic() - began > CATCH_UP_SECONDS:
                return

    def fold(self) -> Folded | None:
        """Fold once; None when another process does so right now, and it is left to that one."""
        began = time.monotonic()
        folded = fold(self._engine)
        if folded is None:
            log.debug("another process folds")
            return None
        self._dead_changes += folded.changes
        if self._dead_changes >= VACUUM_AFTER:
            self._dead_changes = 0
            _vacuum(self._engine)
        if folded.changes or folded.pipelines:
            seconds = round(time.monotonic() - began, 3)
            log.debug("folded", changes=folded.changes, cells=folded.cells, pipelines=folded.pipelines, seconds=seconds)
        return folded


def fold(engine: Engine) -> Folded | None:
    """Fold once in a transaction of its own; None when somebody else holds the figures."""
    with _one_snapshot(engine) as session:
        if not members.hold_at_once(session):
            session.rollback()
            return None
        return fold_once(session)


@contextmanager
def alone(engine: Engine) -> Iterator[Session]:
    """A transaction that holds the figures, once whoever does so now is done, and sees one instant of the database.

    Committed at the end. Recording and reading go on meanwhile; nothing is folded.
    """
    with _one_snapshot(engine) as session:
        session.execute(text("SET LOCAL lock_timeout = '10min'"))
        session.execute(text("SET LOCAL statement_timeout = 0"))
        session.execute(text("SET LOCAL work_mem = '256MB'"))
        members.hold(session)
        yield session


@contextmanager
def _one_snapshot(engine: Engine) -> Iterator[Session]:
    isolated = engine.execution_options(isolation_level="REPEATABLE READ")
    with Session(isolated) as session, session.begin():
        for setting in _LIMITS:
            session.execute(text(setting))
        yield session


def fold_once(session: Session) -> Folded:
    """Count what is not counted, find flakes, add what was recorded; the caller holds the figures (`members.hold`)."""
    unsettled = members.unsettled(session)
    cells = recount.settle(session, unsettled) if unsettled else 0
    taken = session.execute(_TAKE).one()
    if taken.document is not None:
        found = flakes.find(session, taken.document)
        cells += adding.add(session, _ADD, {"taken": _joined(taken.document, found)})
    pipelines = len(unsettled.uncounted) + len(unsettled.moved)
    return Folded(taken.changes, cells, pipelines, bool(unsettled) or taken.changes == MOST_CHANGES)


def _joined(taken: str, found: str | None) -> str:
    """Two JSON arrays as one."""
    return taken if found is None else f"{taken[:-1]}, {found[1:]}"


def _vacuum(engine: Engine) -> None:
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM (TRUNCATE false) metric_changes"))
