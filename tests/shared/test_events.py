"""The log is dense and in commit order under concurrent writers and rollbacks, and the test can tell when it is not."""

import random
import threading
import time
from collections.abc import Callable

import orjson
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared import events
from tests.factories import NOON

WRITERS = 8
SECONDS = 4.0

Append = Callable[[Session, str], None]


def transitions(count: int) -> str:
    rows = [
        {
            "ordinal": ordinal + 1,
            "build_id": ordinal,
            "project_id": 1,
            "attempt": 1,
            "version": 1,
            "from_status": None,
            "to_status": "queued",
            "is_superseded": False,
            "at": NOON,
        }
        for ordinal in range(count)
    ]
    return orjson.dumps(rows).decode()


def real_append(session: Session, document: str) -> None:
    events.append(session, document, is_backfill=False, via=events.Via.POLL)


def naive_append(session: Session, document: str) -> None:
    """What everyone writes first: positions from a sequence, drawn at insert, visible at commit."""
    for _ in orjson.loads(document):
        session.execute(
            text("""INSERT INTO events (pos, kind, subject_kind, subject_id, project_id, version, at)
                    VALUES (nextval('naive_pos'), 'transition', 'build', 1, 1, 1, now())""")
        )


class Tail:
    """A reader that never looks back: what it does not see in passing it has missed."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.seen: list[int] = []

    def read(self) -> None:
        with Session(self.engine) as session:
            after = self.seen[-1] if self.seen else 0
            rows = session.scalars(text("SELECT pos FROM events WHERE pos > :after ORDER BY pos"), {"after": after})
            self.seen.extend(rows)


def race(engine: Engine, append: Append) -> tuple[list[int], list[int]]:
    """Eight writers, a quarter of whose transactions roll back, and a hot reader; returns (seen, committed)."""
    until = time.monotonic() + SECONDS
    failures: list[BaseException] = []

    def write(seed: int) -> None:
        dice = random.Random(seed)
        try:
            while time.monotonic() < until:
                with Session(engine) as session:
                    append(session, transitions(dice.randint(1, 5)))
                    if dice.random() < 0.25:
                        session.rollback()
                    else:
                        session.commit()
        except BaseException as error:  # noqa: BLE001  # a thread's failure is the test's failure
            failures.append(error)

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(WRITERS)]
    tail = Tail(engine)
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        tail.read()
    tail.read()
    assert failures == []
    with Session(engine) as session:
        return tail.seen, list(session.scalars(text("SELECT pos FROM events ORDER BY pos")))


def test_a_hot_reader_misses_nothing_and_there_are_no_gaps(database: Engine) -> None:
    seen, committed = race(database, real_append)

    assert len(committed) > 500
    assert committed == list(range(1, len(committed) + 1))
    assert seen == committed


def test_the_same_race_over_a_sequence_is_caught(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("CREATE SEQUENCE naive_pos"))

    seen, committed = race(database, naive_append)

    assert committed != list(range(1, len(committed) + 1)), "rollbacks leave holes"
    assert len(seen) < len(committed), "the reader went past what was not committed yet"


def test_a_forgotten_lock_is_an_error_and_not_a_gap(database: Engine) -> None:
    """Two transactions that look for the greatest position without the lock: the primary key refuses the second."""
    statement = text("""INSERT INTO events (pos, kind, subject_kind, subject_id, project_id, version, at)
                        VALUES (:pos, 'transition', 'build', 1, 1, 1, now())""")
    with Session(database) as one, Session(database) as other:
        positions = [
            int(session.scalar(text("SELECT coalesce(max(pos), 0) + 1 FROM events")) or 0) for session in (one, other)
        ]
        one.execute(statement, {"pos": positions[0]})
        one.commit()
        with pytest.raises(IntegrityError, match="pk_events"):
            other.execute(statement, {"pos": positions[1]})


@pytest.mark.parametrize("count", [1, 50])
def test_a_transaction_writes_its_events_in_a_row(session: Session, count: int) -> None:
    real_append(session, transitions(count))
    real_append(session, transitions(count))

    assert list(session.scalars(text("SELECT pos FROM events ORDER BY pos"))) == list(range(1, 2 * count + 1))


@pytest.mark.parametrize(("kind", "index"), [("build", "ix_events_build"), ("incident", "ix_events_others")])
def test_the_events_of_one_subject_are_found_by_an_index(session: Session, kind: str, index: str) -> None:
    session.execute(text("SET LOCAL enable_seqscan = off"))
    asked = f"SELECT pos FROM events WHERE subject_kind = '{kind}' AND subject_id = 1 AND pos > 0 ORDER BY pos LIMIT 9"
    plan = "\n".join(session.scalars(text(f"EXPLAIN {asked}")))

    assert index in plan
    assert "Sort" not in plan
