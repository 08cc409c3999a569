"""Real workers against a ledger: killed at any moment nothing is lost, and two of them send what one would."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine

from shared.database import make_engine
from tests.alerts.crew import Feed, Ledger, Verdict, a_crew, drill, wait_for
from tests.conftest import Databases

ALERTS = 3_000
KILLS = 36
DRILLS = 4
"""Kills come at random: in one drill of twenty or so none hits a delivery on its way, and it shows nothing."""


def test_workers_killed_at_any_moment_lose_nothing_and_label_every_repeat(databases: Databases) -> None:
    assert any(a_drill_repeats_something(databases) for _ in range(DRILLS))


def a_drill_repeats_something(databases: Databases) -> bool:
    verdict, retries = a_drill(databases, alerts=ALERTS, kills=KILLS)

    # A message is begun again after a kill, an expired lease or an answer that did not come; only then may it repeat.
    assert verdict == Verdict(lost=0, repeats=verdict.repeats, unlabelled=0)
    assert verdict.repeats <= retries
    return verdict.repeats > 0


def test_marking_before_sending_loses_what_a_kill_hits(databases: Databases) -> None:
    drills = (a_drill(databases, alerts=600, kills=24, is_marking_before_send=True) for _ in range(DRILLS))

    assert any(verdict.lost > 0 for verdict, _ in drills)


def a_drill(databases: Databases, *, alerts: int, kills: int, **options: bool) -> tuple[Verdict, int]:
    """`crew.drill` in a database of its own."""
    with a_database(databases) as (engine, url):
        return drill(engine, url, alerts=alerts, kills=kills, **options)


@contextmanager
def a_database(databases: Databases) -> Iterator[tuple[Engine, str]]:
    url = databases.clone()
    engine = make_engine(url, application="test", pool_size=4)
    try:
        yield engine, url
    finally:
        engine.dispose()
        databases.drop(url)


@pytest.mark.parametrize("size", [1, 2])
def test_two_workers_send_what_one_would(databases: Databases, size: int) -> None:
    with a_database(databases) as (engine, url):
        feed = Feed(engine)
        with Ledger(engine) as ledger, a_crew(url, ledger, size):
            for _ in range(10):
                feed.step(8)
            wait_for(feed.is_settled, 20)
        expected = feed.expected()

    assert len(expected) == feed.fed
    assert ledger.verdict(expected) == Verdict(lost=0, repeats=0, unlabelled=0)
