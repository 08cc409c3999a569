"""Backfills in their table: one open a source, widened by a second request, fenced by what it was."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import backfills
from shared.rows import Row
from tests.factories import NOON

DAY = timedelta(days=1)


@pytest.fixture
def source(session: Session) -> int:
    session.execute(text("INSERT INTO instances (name, provider, base_url) VALUES ('gh', 'github', 'https://x')"))
    inserted = session.execute(
        text("INSERT INTO sources (instance_id, scope) SELECT id, 'a/b' FROM instances RETURNING id")
    )
    return int(inserted.scalar_one())


def only(session: Session) -> Row:
    [found] = backfills.newest(session, limit=10)
    return found


def test_a_backfill_goes_back_from_its_end_to_its_beginning(session: Session, source: int) -> None:
    backfills.request(session, source, NOON - 4 * DAY, NOON)
    task = backfills.find_open(session, source)
    assert task is not None

    halfway = backfills.advance(session, task, NOON - 2 * DAY, "7 app", builds=30, requests=2)
    assert halfway is not None
    shown = only(session)
    done = backfills.advance(session, halfway, NOON - 4 * DAY, None, builds=5, requests=1)

    assert (shown["state"], shown["share"], shown["builds"], shown["requests"]) == ("running", 0.5, 30, 2)
    assert halfway.place == "7 app"
    assert done is not None
    assert done.is_over
    assert only(session)["state"] == "done"
    assert only(session)["settled_at"] is not None
    assert backfills.find_open(session, source) is None


def test_a_second_request_widens_the_open_one(session: Session, source: int) -> None:
    first = backfills.request(session, source, NOON - 4 * DAY, NOON - DAY)
    second = backfills.request(session, source, NOON - 9 * DAY, NOON, "a list was cut")

    found = only(session)
    assert first == second
    assert (found["since"], found["until"], found["reached"]) == (NOON - 9 * DAY, NOON, NOON)
    assert found["reason"] == "a list was cut"


def test_asking_again_by_hand_does_not_begin_anew_what_the_polls_have(session: Session, source: int) -> None:
    session.execute(text("UPDATE sources SET baseline_at = :at"), {"at": NOON - DAY})
    backfills.request(session, source, NOON - 9 * DAY, NOON)
    task = backfills.find_open(session, source)
    assert task is not None
    backfills.advance(session, task, NOON - 5 * DAY, "100 app", builds=1, requests=1)

    backfills.request(session, source, NOON - 8 * DAY, NOON + DAY)
    again = backfills.find_open(session, source)
    backfills.request(session, source, NOON - 20 * DAY, NOON + DAY)
    widened = backfills.find_open(session, source)

    assert again == backfills.Task(task.id, NOON - 9 * DAY, NOON - 5 * DAY, "100 app")
    assert widened == backfills.Task(task.id, NOON - 20 * DAY, NOON - 5 * DAY, None)


def test_asking_again_for_a_source_that_was_away_meanwhile_goes_back_from_now(session: Session, source: int) -> None:
    backfills.request(session, source, NOON - 9 * DAY, NOON)
    session.execute(text("UPDATE sources SET baseline_at = :at"), {"at": NOON + 5 * DAY})

    backfills.request(session, source, NOON - 9 * DAY, NOON + 6 * DAY)

    assert only(session)["reached"] == NOON + 6 * DAY


def test_what_holds_a_backfill_up_is_said_until_it_goes_on(session: Session, source: int) -> None:
    backfills.request(session, source, NOON - 4 * DAY, NOON, "a list was cut")
    task = backfills.find_open(session, source)
    assert task is not None

    backfills.explain(session, task.id, "left alone until 12:00")
    held_up = only(session)["reason"]
    backfills.advance(session, task, NOON - DAY, None, builds=1, requests=1)
    goes_on = only(session)["reason"]
    session.execute(text("UPDATE sources SET is_active = false"))
    rests = only(session)["reason"]

    assert (held_up, goes_on) == ("left alone until 12:00", "a list was cut")
    assert rests == "the source is not polled any more; it goes on when it is again"


def test_a_request_for_what_is_still_to_come_does_not_begin_anew(session: Session, source: int) -> None:
    backfills.request(session, source, NOON - 4 * DAY, NOON)
    task = backfills.find_open(session, source)
    assert task is not None
    backfills.advance(session, task, NOON - DAY, "100 app", builds=1, requests=1)

    backfills.request(session, source, NOON - 3 * DAY, NOON - 2 * DAY)

    kept = backfills.find_open(session, source)
    assert kept is not None
    assert (kept.reached, kept.place) == (NOON - DAY, "100 app")


def test_a_step_of_a_backfill_that_was_widened_or_cancelled_meanwhile_counts_for_nothing(
    session: Session, source: int
) -> None:
    backfills.request(session, source, NOON - 4 * DAY, NOON)
    task = backfills.find_open(session, source)
    assert task is not None

    backfills.request(session, source, NOON - 4 * DAY, NOON + DAY)
    late = backfills.advance(session, task, NOON - 3 * DAY, None, builds=9, requests=9)
    cancelled = backfills.cancel(session, source)
    later = backfills.advance(session, task, NOON - 3 * DAY, None, builds=9, requests=9)

    assert (late, later) == (None, None)
    assert cancelled == task.id
    assert (only(session)["state"], only(session)["reached"]) == ("cancelled", NOON + DAY)
    assert backfills.cancel(session, source) is None


def test_what_was_done_or_cancelled_can_be_asked_for_again(session: Session, source: int) -> None:
    first = backfills.request(session, source, NOON - DAY, NOON)
    backfills.cancel(session, source)

    second = backfills.request(session, source, NOON - DAY, NOON)

    assert second != first
    assert [row["state"] for row in backfills.newest(session, limit=10)] == ["waiting", "cancelled"]
