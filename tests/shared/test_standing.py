"""Processes live by their heartbeats; counts tell now from today; unknown words are listed."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import sources
from shared.config.settings import Config, ProviderSettings
from shared.observation import Observation
from shared.recorder import record
from shared.standing import (
    BuildCounts,
    Quarantine,
    SetAside,
    UnknownWord,
    build_counts,
    processes,
    quarantined,
    unknown_words,
)
from tests.factories import NOON, a_build, minutes

DAY = timedelta(days=1)
PROVIDER = ProviderSettings(kind="github", name="github.com", base_url="https://api.github.com", watch=("acme/web",))


def record_all(session: Session, *builds: Observation) -> None:
    sources.sync(session, Config(providers=(PROVIDER,)), NOON)
    row = session.execute(text("SELECT id, instance_id FROM sources")).one()
    record(session, builds, instance_id=row.instance_id, source_id=row.id, is_backfill=False)


def beat(session: Session, name: str, kind: str, heartbeat_at: datetime) -> None:
    session.execute(
        text("""
            INSERT INTO processes (id, kind, host, pid, version, started_at, heartbeat_at)
            VALUES (:id, :kind, 'ci-1', 7, '0.1', :at, :at)
        """),
        {"id": name, "kind": kind, "at": heartbeat_at},
    )


def test_a_process_is_alive_while_its_heart_beats_and_forgotten_after_a_day(session: Session) -> None:
    beat(session, "a", "scheduler", NOON - timedelta(seconds=5))
    beat(session, "b", "api", NOON - minutes(2))
    beat(session, "c", "api", NOON - 2 * DAY)

    found = processes(session, NOON)

    assert [(process.kind, process.is_alive) for process in found] == [("api", False), ("scheduler", True)]


def test_counts_tell_what_runs_now_from_what_happened_today(session: Session) -> None:
    long_ago = NOON - 3 * DAY
    record_all(
        session,
        a_build("running", external_id="1", queued_at=long_ago),
        a_build("queued", external_id="2"),
        a_build("blocked", external_id="3"),
        a_build("failed", external_id="4"),
        a_build("timed_out", external_id="5"),
        a_build("succeeded", external_id="6"),
        a_build("succeeded", external_id="7", queued_at=long_ago),
        a_build("cancelled", external_id="8"),
        a_build("skipped", external_id="9"),
    )
    session.execute(text("UPDATE builds SET queued_at = now() - interval '3 days' WHERE NOT is_finished"))

    assert build_counts(session, NOON - DAY) == BuildCounts(
        running=1, queued=1, blocked=1, succeeded=1, failed=1, timed_out=1, cancelled=1, skipped=1, unknown=0
    )


def test_words_nobody_knows_are_listed_with_how_often_they_came(session: Session) -> None:
    record_all(
        session,
        a_build("unknown", external_id="1", raw_status="exploded"),
        a_build("unknown", external_id="2", raw_status="exploded"),
        a_build("unknown", external_id="3", raw_status="melted"),
        a_build("failed", external_id="4"),
    )

    assert unknown_words(session, NOON - DAY) == (
        UnknownWord("github", "exploded", 2),
        UnknownWord("github", "melted", 1),
    )
    assert unknown_words(session, NOON + DAY) == ()


def set_aside(session: Session, kind: str, external_id: str, reason: str, at: datetime) -> None:
    statement = """
        INSERT INTO quarantine (source_id, kind, external_id, reason, last_seen_at)
        SELECT id, :kind, :id, :reason, :at FROM sources
    """
    session.execute(text(statement), {"kind": kind, "id": external_id, "reason": reason, "at": at})


def test_an_empty_quarantine_has_nothing_to_tell(session: Session) -> None:
    assert quarantined(session, most=3) == Quarantine(unusable=0, newest=(), given_up=0, cut_lists=())


def test_only_rows_that_could_not_be_used_count_as_such(session: Session) -> None:
    record_all(session)
    set_aside(session, "open", "1", "not there (404)", NOON)
    set_aside(session, "attempt", "2/1", "superseded as completed/action_required, so it will not finish", NOON)
    set_aside(session, "jobs", "3/1", "not there (404)", NOON)
    set_aside(session, "list", "2026", "older builds were not read", NOON)
    for number in (1, 2):
        set_aside(session, "build", str(number), "no instant", NOON + minutes(number))
    set_aside(session, "job", "9", "no id", NOON)
    set_aside(session, "run", "9", "too old to be shown", NOON - minutes(1))

    found = quarantined(session, most=2)

    assert (found.unusable, found.given_up) == (4, 3)
    assert found.newest == (
        SetAside("github.com:acme/web", "build", "no instant", 2, NOON + minutes(2)),
        SetAside("github.com:acme/web", "job", "no id", 1, NOON),
    )
    assert [aside.reason for aside in found.cut_lists] == ["older builds were not read"]
