"""A read: what binds it, one instant for all of it where asked for, and nothing of it outlives it."""

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import InternalError
from sqlalchemy.orm import Session

from shared.reading import Planning, reading
from shared.rows import rows

SETTINGS = "SELECT current_setting('{}') AS value"
BOUND = ("statement_timeout", "TimeZone", "jit", "plan_cache_mode", "transaction_read_only", "transaction_isolation")


def settings(session: Session) -> list[object]:
    return [rows(session, SETTINGS.format(name))[0]["value"] for name in BOUND]


def test_a_read_is_bound_and_what_binds_it_ends_with_it(database: Engine) -> None:
    with reading(database, is_one_snapshot=True, planning=Planning.FOR_ANY_VALUES) as opened:
        bound = settings(opened.session)
    with Session(database) as session:
        after = settings(session)

    assert bound == ["3s", "UTC", "off", "force_generic_plan", "on", "repeatable read"]
    assert (after[0], after[3:]) == ("0", ["auto", "off", "read committed"])


def test_a_read_cannot_write(database: Engine) -> None:
    with pytest.raises(InternalError, match="read-only"), reading(database) as opened:
        opened.session.execute(text("DELETE FROM builds"))


def test_what_is_committed_while_a_read_of_one_snapshot_goes_on_is_not_seen_by_it(database: Engine) -> None:
    count = "SELECT count(*) AS projects FROM projects"
    with reading(database, is_one_snapshot=True) as opened:
        before = rows(opened.session, count)
        with Session(database) as session, session.begin():
            session.execute(text("INSERT INTO projects (key, name) VALUES ('late', 'Late')"))
        assert rows(opened.session, count) == before

    with reading(database) as opened:
        assert rows(opened.session, count) != before
