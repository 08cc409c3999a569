"""Figures equal a hand count, and say what they leave out."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import metrics
from shared.metrics import Grouping, Window
from shared.metrics.fold import fold_once
from shared.models import Instance
from shared.queries import BuildFilter
from shared.recorder import record
from shared.rows import Row
from shared.scope import Scope
from tests.factories import NOON, a_build, minutes
from tests.shared.metrics.hand_count import a_history

WEEK = Window(NOON - timedelta(days=6), NOON + timedelta(days=1))


def history(session: Session) -> None:
    """On main 3 passed, 1 failed, 1 timed out, 1 was cancelled, 1 skipped, 1 runs; on a branch 2 failed; 1 is old."""
    instance = Instance(name="github.com", provider="github", base_url="https://api.github.com")
    session.add(instance)
    session.flush()
    words = ["succeeded", "succeeded", "succeeded", "failed", "timed_out", "cancelled", "skipped", "running"]
    observations = [
        a_build(word, external_id=f"{place}", queued_at=NOON + minutes(place), finished_at=end(word, place))
        for place, word in enumerate(words)
    ]
    observations += [
        a_build("failed", external_id=f"b{place}", branch="feature", queued_at=NOON - minutes(place + 1))
        for place in range(2)
    ]
    observations.append(a_build("failed", external_id="old", queued_at=NOON - timedelta(days=30)))
    record(session, observations, instance_id=instance.id, source_id=None, is_backfill=False)


def end(word: str, place: int) -> object:
    """Builds of main take 1, 2, 3, … minutes."""
    return None if word == "running" else NOON + minutes(place) + minutes(place + 1)


def figures(row: Row, *names: str) -> tuple[object, ...]:
    return tuple(row[name] for name in names)


def test_rates_are_of_those_with_a_verdict_and_say_what_was_left_out(session: Session) -> None:
    history(session)

    found = metrics.overview(session, BuildFilter(branch=("main",)), WEEK)

    assert figures(found, "builds", "verdicts", "success_rate", "failure_rate") == (8, 5, 3 / 5, 2 / 5)
    assert found["left_out"] == {"unknown": 0, "queued": 0, "blocked": 0, "running": 1, "skipped": 1, "cancelled": 1}
    assert found["counts"] == {**found["left_out"], "succeeded": 3, "timed_out": 1, "failed": 1}


def test_durations_are_of_those_with_a_verdict(session: Session) -> None:
    history(session)

    found = metrics.overview(session, BuildFilter(branch=("main",)), WEEK)

    # 1 to 5 minutes: half of them did not take longer than 3, 95 of 100 not longer than 5.
    within = {name: pytest.approx(seconds, rel=0.02) for name, seconds in (("p50", 180), ("p90", 300), ("p95", 300))}
    assert found["duration_seconds"] == {"average": 180, "p99": pytest.approx(300, rel=0.02), "builds": 5} | within


def test_what_runs_and_what_came_last_are_true_now_whatever_the_window(session: Session) -> None:
    history(session)
    session.execute(text("UPDATE builds SET queued_at = now() WHERE NOT is_finished"))

    found = metrics.overview(session, BuildFilter(), Window(NOON - timedelta(days=60), NOON - timedelta(days=20)))

    assert figures(found, "builds", "verdicts", "success_rate") == (1, 1, 0)
    assert found["active"] == {"builds": 1, "by_status": {"running": 1}, "stale": 0}
    last = found["last_build"]
    assert isinstance(last, dict)
    assert (last["external_id"], last["status"]) == ("7", "running")


def test_without_a_verdict_there_is_no_rate(session: Session) -> None:
    found = metrics.overview(session, BuildFilter(), WEEK)

    assert figures(found, "builds", "success_rate", "failure_rate", "last_build") == (0, None, None, None)
    assert found["duration_seconds"] == dict.fromkeys(("average", "p50", "p90", "p95", "p99")) | {"builds": 0}


def test_a_scope_narrows_every_figure(session: Session) -> None:
    history(session)

    nothing = metrics.overview(session, BuildFilter(scope=Scope(repository=("acme/other",))), WEEK)
    everything = metrics.overview(session, BuildFilter(scope=Scope(repository=("acme/web",))), WEEK)

    assert figures(nothing, "builds", "last_build") == (0, None)
    assert nothing["active"] == {"builds": 0, "by_status": {}, "stale": 0}
    assert everything["builds"] == 10


def test_a_rerun_counts_by_its_latest_attempt(session: Session) -> None:
    history(session)
    instance_id = session.scalar(text("SELECT id FROM instances"))
    assert instance_id is not None
    rerun = a_build("succeeded", external_id="3", attempt=2, queued_at=NOON + minutes(3))
    record(session, [rerun], instance_id=instance_id, source_id=None, is_backfill=False)

    found = metrics.overview(session, BuildFilter(branch=("main",)), WEEK)

    assert figures(found, "builds", "verdicts", "success_rate") == (8, 5, 4 / 5)


@pytest.mark.parametrize("by", list(Grouping))
def test_groups_add_up_to_the_whole(session: Session, by: Grouping) -> None:
    history(session)

    whole = metrics.overview(session, BuildFilter(), WEEK)
    ranked = metrics.groups(session, BuildFilter(), WEEK, by, limit=100)
    groups, count = ranked.rows, ranked.count

    assert count == len(groups) == (2 if by is Grouping.BRANCH else 1)
    assert sum(int(str(group["builds"])) for group in groups) == whole["builds"]
    assert sum(int(str(group["verdicts"])) for group in groups) == whole["verdicts"]


def test_the_busiest_groups_come_first_and_the_others_are_counted(session: Session) -> None:
    history(session)

    ranked = metrics.groups(session, BuildFilter(), WEEK, Grouping.BRANCH, limit=1)
    groups, count = ranked.rows, ranked.count

    assert [(group["repository"], group["branch"], group["builds"]) for group in groups] == [("acme/web", "main", 8)]
    assert count == 2


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(hours=9), timedelta(days=3)])
def test_a_build_from_a_clock_that_is_ahead_counts_in_a_window_without_an_end_alone(
    session: Session, ahead: timedelta
) -> None:
    instance = Instance(name="github.com", provider="github", base_url="https://api.github.com")
    session.add(instance)
    session.flush()
    early = a_build(external_id="early", queued_at=NOON + ahead, finished_at=NOON + ahead + minutes(1))
    record(session, [early], instance_id=instance.id, source_id=None, is_backfill=False)

    for _ in range(2):
        since = NOON - timedelta(hours=24)
        without = metrics.overview(session, BuildFilter(), Window(since, None, NOON))
        until_now = metrics.overview(session, BuildFilter(), Window(since, NOON, NOON))

        assert (without["builds"], until_now["builds"]) == (1, 0)
        fold_once(session)


def test_nothing_changes_when_what_was_recorded_is_added_up(session: Session) -> None:
    a_history(session, builds=60)
    frame = Window(NOON - timedelta(days=9, minutes=7), NOON - timedelta(days=1, minutes=11))
    before = metrics.overview(session, BuildFilter(), frame)

    fold_once(session)

    after = metrics.overview(session, BuildFilter(), frame)
    lag = ("flaky", "trend")
    assert {name: each for name, each in after.items() if name not in lag} == {
        name: each for name, each in before.items() if name not in lag
    }
    assert session.scalar(text("SELECT count(*) FROM metric_changes")) == 0
