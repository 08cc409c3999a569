"""The recorder against real Postgres: identity, merging, transitions, names, jobs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.observation import Observation, ParentBuild
from shared.recorder import Recorded, record
from tests.factories import NOON, a_build, a_job, minutes


@pytest.fixture
def instance_id(session: Session) -> int:
    statement = "INSERT INTO instances (name, provider, base_url) VALUES ('github.com', 'github', 'x') RETURNING id"
    return int(session.execute(text(statement)).scalar_one())


class Ledger:
    """Records observations in one session and shows what came of them."""

    def __init__(self, session: Session, instance_id: int) -> None:
        self.session = session
        self.instance_id = instance_id

    def see(self, *observations: Observation, is_backfill: bool = False) -> Recorded:
        return record(self.session, observations, instance_id=self.instance_id, source_id=None, is_backfill=is_backfill)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        statement = f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1, 2"
        return [tuple(row) for row in self.session.execute(text(statement))]

    def transitions(self) -> Sequence[tuple[Any, ...]]:
        statement = "SELECT attempt, from_status, to_status, is_superseded, version FROM events ORDER BY pos"
        return [tuple(row) for row in self.session.execute(text(statement))]


@pytest.fixture
def ledger(session: Session, instance_id: int) -> Ledger:
    return Ledger(session, instance_id)


def test_a_build_that_runs_and_fails_is_three_transitions(ledger: Ledger) -> None:
    ledger.see(a_build("queued"))
    ledger.see(a_build("running", updated_at=NOON + minutes(1)))
    ledger.see(a_build("failed"))

    assert ledger.transitions() == [
        (1, None, "queued", False, 1),
        (1, "queued", "running", False, 2),
        (1, "running", "failed", False, 3),
    ]
    assert ledger.rows("builds", "external_id", "attempt", "status", "duration_seconds", "version") == [
        ("100", 1, "failed", 300.0, 3)
    ]


def test_the_same_page_again_changes_nothing(ledger: Ledger) -> None:
    page = [a_build("failed", external_id=str(number), jobs=(a_job(),)) for number in range(20)]

    first, second = ledger.see(*page), ledger.see(*page)

    assert (first.changed, first.transitions, first.new_pipelines) == (20, 20, 1)
    assert second == Recorded()


def test_an_older_observation_never_takes_a_build_back(ledger: Ledger) -> None:
    ledger.see(a_build("succeeded"))
    ledger.see(a_build("running", updated_at=NOON + minutes(60)))

    assert ledger.rows("builds", "external_id", "status") == [("100", "succeeded")]
    assert len(ledger.transitions()) == 1


def test_a_rerun_is_a_new_attempt_and_the_build_shows_it(ledger: Ledger) -> None:
    ledger.see(a_build("failed"))
    ledger.see(a_build("running", attempt=2, updated_at=NOON + minutes(30)))

    assert ledger.rows("attempts", "number", "status") == [(1, "failed"), (2, "running")]
    assert ledger.rows("builds", "attempt", "status", "finished_at") == [(2, "running", None)]


def test_a_late_verdict_of_an_old_attempt_is_history(ledger: Ledger) -> None:
    ledger.see(a_build("running"))
    ledger.see(a_build("succeeded", attempt=2))
    ledger.see(a_build("failed"))

    assert ledger.transitions()[-1] == (1, "running", "failed", True, 3)
    assert ledger.rows("builds", "attempt", "status") == [(2, "succeeded")]


def test_attempts_of_one_page_are_numbered_along_the_log(ledger: Ledger) -> None:
    ledger.see(a_build("succeeded", attempt=3), a_build("failed", attempt=1), a_build("failed", attempt=2))

    assert ledger.transitions() == [
        (1, None, "failed", True, 1),
        (2, None, "failed", True, 2),
        (3, None, "succeeded", False, 3),
    ]
    assert ledger.rows("builds", "attempt", "status", "version") == [(3, "succeeded", 3)]


def test_a_page_that_shows_one_attempt_twice_records_both_in_order(ledger: Ledger) -> None:
    ledger.see(a_build("running"), a_build("succeeded"))

    assert [row[2] for row in ledger.transitions()] == ["running", "succeeded"]


def test_the_earliest_guess_of_a_finish_stays(ledger: Ledger) -> None:
    ledger.see(a_build("succeeded", updated_at=NOON + minutes(9), finished_at=NOON + minutes(9)))
    ledger.see(a_build("succeeded", updated_at=NOON + minutes(9), finished_at=NOON + minutes(4)))
    ledger.see(a_build("succeeded", updated_at=NOON + minutes(90), finished_at=NOON + minutes(90)))

    finish = [(NOON + minutes(4), 240.0)]
    assert ledger.rows("builds", "finished_at", "duration_seconds") == finish
    assert ledger.rows("attempts", "finished_at", "duration_seconds") == finish
    assert len(ledger.transitions()) == 1


def test_unknown_descriptions_are_filled_and_known_ones_stay(ledger: Ledger) -> None:
    ledger.see(a_build("running", branch=None, commit_message=None, author="ada"))
    ledger.see(a_build("running", branch="main", commit_message="Later", author="bob"))

    assert ledger.rows("builds", "branch", "commit_message", "author") == [("main", "Later", "ada")]


def test_a_renamed_pipeline_keeps_its_history_and_an_old_build_does_not_rename_it_back(ledger: Ledger) -> None:
    ledger.see(a_build(external_id="1", queued_at=NOON, pipeline_name="ci"))
    ledger.see(a_build(external_id="2", queued_at=NOON + minutes(9), pipeline_name="checks", repository_name="acme/w"))
    ledger.see(a_build(external_id="3", queued_at=NOON - minutes(9), pipeline_name="ci"))

    assert ledger.rows("pipelines", "name", "external_id") == [("checks", "1/10")]
    assert ledger.rows("repositories", "name", "external_id") == [("acme/w", "1")]
    assert ledger.rows("builds", "external_id", "pipeline_name") == [("1", "ci"), ("2", "checks"), ("3", "ci")]


def test_jobs_merge_like_attempts(ledger: Ledger) -> None:
    ledger.see(a_build("failed", jobs=(a_job("failed", updated_at=NOON + minutes(4)),)))
    ledger.see(a_build("failed", jobs=(a_job("running"), a_job("skipped", external_id="1001", name="deploy"))))

    assert ledger.rows("jobs", "external_id", "name", "status") == [
        ("1000", "test", "failed"),
        ("1001", "deploy", "skipped"),
    ]
    assert ledger.rows("attempts", "number", "has_jobs") == [(1, True)]


def test_commits_and_branches_are_kept_by_name(ledger: Ledger) -> None:
    ledger.see(a_build("running", commit_author=None))
    ledger.see(a_build(external_id="101", commit_author="ada@example.org", branch="feature/é"))

    assert ledger.rows("branches", "name", "repository_id > 0") == [("feature/é", True), ("main", True)]
    assert ledger.rows("commits", "sha", "author") == [("a" * 40, "ada@example.org")]


def test_backfilled_transitions_say_so(ledger: Ledger) -> None:
    ledger.see(a_build("failed"), is_backfill=True)

    assert ledger.rows("events", "pos", "is_backfill") == [(1, True)]


@pytest.mark.parametrize("seconds", [1, 3600])
def test_a_queue_time_learnt_later_is_added(ledger: Ledger, seconds: int) -> None:
    build = a_build("succeeded")
    ledger.see(build)
    ledger.see(replace(build, queued_seconds=float(seconds)))

    assert ledger.rows("builds", "external_id", "queued_seconds") == [("100", seconds)]


def test_a_queue_item_and_its_build_are_one_build_whichever_is_seen_first(ledger: Ledger) -> None:
    queued = a_build("queued", external_id="queue/7", number=None)
    started = a_build("running", external_id="job/1@1", formerly="queue/7", number=1)
    late = a_build("running", external_id="job/2@2", formerly="queue/8", number=2)
    ledger.see(queued)
    ledger.see(started)
    ledger.see(late)
    ledger.see(queued, a_build("queued", external_id="queue/8", number=None))

    assert ledger.rows("builds", "external_id", "number", "status", "formerly") == [
        ("job/1@1", 1, "running", "queue/7"),
        ("job/2@2", 2, "running", "queue/8"),
    ]
    assert [row[1:3] for row in ledger.transitions()] == [(None, "queued"), ("queued", "running"), (None, "running")]


def test_a_page_may_hold_a_queue_item_and_its_build(ledger: Ledger) -> None:
    queued = a_build("queued", external_id="queue/7")
    started = a_build("running", external_id="job/1@1", formerly="queue/7")

    ledger.see(started, queued, replace(started, formerly=None))

    assert ledger.rows("builds", "external_id", "status") == [("job/1@1", "running")]


def test_the_parent_of_a_build_is_kept(ledger: Ledger) -> None:
    ledger.see(a_build())
    ledger.see(a_build(parent=ParentBuild(pipeline_external_id="1/9", external_id="99")))
    ledger.see(a_build())

    assert ledger.rows("builds", "external_id", "metadata") == [
        ("100", {"parent": {"pipeline_external_id": "1/9", "external_id": "99"}})
    ]


def test_a_name_returned_to_is_the_name_whatever_the_order(ledger: Ledger) -> None:
    """Called ci, then checks, then ci again: reading the middle one last must not call it checks."""
    for external_id, name in (("1", "ci"), ("3", "ci"), ("2", "checks")):
        ledger.see(a_build(external_id=external_id, pipeline_name=name, queued_at=NOON + minutes(int(external_id))))

    assert ledger.rows("pipelines", "name", "external_id") == [("ci", "1/10")]


def test_a_build_that_ends_with_a_word_nobody_knows_still_ends_in_the_log(ledger: Ledger) -> None:
    ledger.see(a_build("unknown"))
    ledger.see(a_build("unknown", is_finished=True))

    assert [row[1:3] for row in ledger.transitions()] == [(None, "unknown"), ("unknown", "unknown")]


def test_a_queue_item_and_its_build_in_one_page_after_they_became_one(ledger: Ledger) -> None:
    queued = a_build("queued", external_id="queue/7")
    started = a_build("running", external_id="job/1@1", formerly="queue/7")
    ledger.see(queued)
    ledger.see(started)

    ledger.see(queued, a_build("failed", external_id="job/1@1"), a_build("failed", external_id="job/1@1", attempt=2))

    assert ledger.rows("builds", "external_id", "attempt", "status") == [("job/1@1", 2, "failed")]
    assert [row[4] for row in ledger.transitions()] == [1, 2, 3, 4]
