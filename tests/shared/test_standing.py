"""Processes live by their heartbeats; counts tell now from today; unknown words are listed."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import sources
from shared.config.settings import Config, ProviderSettings
from shared.observation import Observation
from shared.recorder import record
from shared.standing import BuildCounts, UnknownWord, build_counts, processes, quarantined, unknown_words
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
    )

    assert build_counts(session, NOON - DAY) == BuildCounts(running=1, waiting=2, succeeded=1, failed=2)


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


def test_the_quarantine_is_counted(session: Session) -> None:
    assert quarantined(session) == (0, None)

    for number in (1, 2):
        session.execute(
            text("""
                INSERT INTO quarantine (kind, external_id, reason, last_seen_at)
                VALUES ('build', :id, 'no instant', :at)
            """),
            {"id": str(number), "at": NOON + minutes(number)},
        )

    assert quarantined(session) == (2, NOON + minutes(2))
