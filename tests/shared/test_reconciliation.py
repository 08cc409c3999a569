"""Who told us first: counted from the events and the receipts of a real inbox, by source and day."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.events import Via
from shared.observation import Observation
from shared.reconciliation import by_instance, by_source, window
from shared.recorder import record
from shared.rows import Row
from shared.scope import Scope
from tests.factories import NOON, a_build, minutes

FRAME = window(NOON + timedelta(days=1), NOON - timedelta(days=1), None)


@pytest.fixture
def source(session: Session) -> tuple[int, int]:
    """The ids of an instance and of a source of it."""
    instance = session.scalar(
        text("INSERT INTO instances (name, provider, base_url) VALUES ('github.com', 'github', 'x') RETURNING id")
    )
    source = session.scalar(
        text("INSERT INTO sources (instance_id, scope) VALUES (:instance, 'acme/web') RETURNING id"),
        {"instance": instance},
    )
    return int(instance or 0), int(source or 0)


def learn(session: Session, ids: tuple[int, int], build: Observation, via: Via, *, after: timedelta) -> None:
    """Record a build, as if that had been so long after its finish."""
    instance, source = ids
    record(session, [build], instance_id=instance, source_id=source, is_backfill=via is Via.BACKFILL, via=via)
    session.execute(
        text("UPDATE events SET recorded_at = at + :after WHERE pos = (SELECT max(pos) FROM events)"), {"after": after}
    )


def receive(session: Session, ids: tuple[int, int], number: int, **columns: object) -> None:
    """A receipt that is done."""
    given = {"seen": 1, "is_late": False, "changed": 1, "state": "done", "received_at": NOON} | columns
    instance, source = ids
    session.execute(
        text("""
            INSERT INTO receipts (instance_id, source_id, kind, body_sha256, state, seen, is_late, changed, received_at,
                                  last_received_at)
            VALUES (:instance, :source, 'workflow_run', CAST(CAST(:number AS text) AS bytea), :state, :seen, :is_late,
                    :changed, :received_at, :received_at)
        """),
        given | {"instance": instance, "source": source, "number": number},
    )


def test_changes_are_counted_by_the_way_they_were_learnt(session: Session, source: tuple[int, int]) -> None:
    learn(session, source, a_build(external_id="1"), Via.WEBHOOK, after=timedelta(seconds=1))
    learn(session, source, a_build(external_id="2"), Via.WEBHOOK, after=timedelta(seconds=3))
    learn(session, source, a_build(external_id="3"), Via.POLL, after=timedelta(seconds=30))
    learn(session, source, a_build(external_id="4"), Via.BACKFILL, after=timedelta(hours=1))
    receive(session, source, 1)
    receive(session, source, 2, seen=3)

    [row] = by_source(session, Scope(), FRAME, limit=10)

    total = row["total"]
    assert isinstance(total, dict)
    assert total["changes"] == {"poll": 1, "sweep": 0, "webhook": 2, "backfill": 1}
    assert (total["webhooks"], total["repeated"], total["missed"]) == (2, 2, 1)
    assert total["lag_seconds"]["webhook"] == {"p50": 2.0, "p95": 2.9, "builds": 2}
    assert total["lag_seconds"]["poll"]["p50"] == 30.0
    assert total["lag_seconds"]["backfill"] == {"p50": None, "p95": None, "builds": 0}


def test_a_webhook_that_came_after_the_poll_was_not_missed(session: Session, source: tuple[int, int]) -> None:
    learn(session, source, a_build(), Via.POLL, after=timedelta(seconds=1))
    receive(session, source, 1, changed=0)

    [row] = by_source(session, Scope(), FRAME, limit=10)

    assert isinstance(row["total"], dict)
    assert (row["total"]["known_already"], row["total"]["missed"]) == (1, 0)


def test_without_any_webhook_nothing_was_missed_because_none_was_expected(
    session: Session, source: tuple[int, int]
) -> None:
    learn(session, source, a_build(), Via.POLL, after=timedelta(seconds=1))

    [row] = by_source(session, Scope(), FRAME, limit=10)

    assert isinstance(row["total"], dict)
    assert row["total"]["missed"] is None


def test_each_day_has_its_own_figures(session: Session, source: tuple[int, int]) -> None:
    learn(session, source, a_build(external_id="1"), Via.WEBHOOK, after=minutes(1))
    learn(session, source, a_build(external_id="2"), Via.POLL, after=timedelta(hours=13))
    receive(session, source, 1, is_late=True, changed=0)

    [row] = by_source(session, Scope(), FRAME, limit=10)

    days = row["days"]
    assert isinstance(days, list)
    assert [(day["day"], day["changes"]["webhook"], day["changes"]["poll"], day["late"]) for day in days] == [
        ("2026-11-20", 1, 0, 1),
        ("2026-11-21", 0, 1, 0),
    ]


def test_an_installation_tells_of_webhooks_about_nothing_we_watch(session: Session, source: tuple[int, int]) -> None:
    receive(session, source, 1)
    receive(session, source, 2, state="ignored", changed=None)
    session.execute(text("UPDATE receipts SET source_id = NULL WHERE state = 'ignored'"))

    received: list[Row] = by_instance(session, Scope(instance=("github.com",)), FRAME)

    assert [(row["instance"], row["webhooks"], row["ignored"]) for row in received] == [("github.com", 2, 1)]
    assert by_instance(session, Scope(provider=("gitlab",)), FRAME) == []


def test_a_window_is_seven_days_unless_said_otherwise_and_never_more_than_a_month() -> None:
    frame = window(NOON, None, None)

    assert (frame.until - frame.since, frame.until) == (timedelta(days=7), NOON + minutes(1))
    with pytest.raises(ValueError, match="31 days"):
        window(NOON, NOON - timedelta(days=32), NOON)
    with pytest.raises(ValueError, match="before until"):
        window(NOON, NOON + minutes(2), None)
