"""Real workers against a ledger: killed at any moment nothing is lost, and two of them send what one would."""

from sqlalchemy import Engine

from shared.database import make_engine
from tests.alerts.crew import Feed, Ledger, Verdict, a_crew, drill, wait_for
from tests.conftest import Databases

ALERTS = 3_000
KILLS = 36


def test_workers_killed_at_any_moment_lose_nothing_and_label_every_repeat(databases: Databases) -> None:
    # Kills come at random: in one drill of twenty or so none hits a claimed delivery, and it shows nothing.
    assert any(a_drill_repeats_something(databases) for _ in range(4))


def a_drill_repeats_something(databases: Databases) -> bool:
    url = databases.clone()
    engine = make_engine(url, application="test", pool_size=4)
    try:
        verdict, retries = drill(engine, url, alerts=ALERTS, kills=KILLS)
    finally:
        engine.dispose()
        databases.drop(url)

    # A message is begun again after a kill, an expired lease or an answer that did not come; only then may it repeat.
    assert verdict == Verdict(lost=0, repeats=verdict.repeats, unlabelled=0)
    assert verdict.repeats <= retries
    return verdict.repeats > 0


def test_marking_before_sending_loses_what_a_kill_hits(database: Engine, database_url: str) -> None:
    verdict, _ = drill(database, database_url, alerts=600, kills=24, is_marking_before_send=True)

    assert verdict.lost > 0


def test_two_workers_send_what_one_would(databases: Databases) -> None:
    for size in (1, 2):
        url = databases.clone()
        engine = make_engine(url, application="test", pool_size=4)
        try:
            feed = Feed(engine)
            with Ledger(engine) as ledger, a_crew(url, ledger, size):
                for _ in range(10):
                    feed.step(8)
                wait_for(feed.is_settled, 20)
        finally:
            expected, fed = feed.expected(), feed.fed
            engine.dispose()
            databases.drop(url)
        assert len(expected) == fed
        assert ledger.verdict(expected) == Verdict(lost=0, repeats=0, unlabelled=0)
