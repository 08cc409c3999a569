"""The fold: which event breaks or fixes a pipeline's branch, and for which reason nobody is told."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from alerts.verdicts import Decision, Transition, Verdict, fold
from shared.status import VERDICTS, Status
from tests.factories import NOON, minutes

NOW = NOON + minutes(10)


def finish(status: str, *, build: int = 1, **overrides: Any) -> Transition:
    """Build `build`, queued that many minutes after noon, seen running and then finished five minutes later."""
    fields: dict[str, Any] = {
        "build_id": build,
        "attempt": 1,
        "queued_at": NOON + minutes(build),
        "trigger": "push",
        "from_status": Status.RUNNING,
        "to_status": Status(status),
        "is_superseded": False,
        "is_backfill": False,
        "finished_at": NOON + minutes(build + 5),
        "recorded_at": NOON + minutes(build + 6),
        "baseline_at": NOON - minutes(60),
    }
    return Transition(**(fields | overrides))


def fold_all(*events: Transition, now: datetime = NOW) -> tuple[Verdict | None, list[Decision]]:
    verdict, decisions = None, []
    for event in events:
        verdict, decision = fold(verdict, event, now)
        decisions.append(decision)
    return verdict, decisions


@pytest.mark.parametrize("status", ["failed", "timed_out"])
def test_the_first_verdict_breaks_a_branch_and_the_next_good_one_fixes_it(status: str) -> None:
    verdict, decisions = fold_all(finish(status, build=1), finish("succeeded", build=2))

    assert decisions == [Decision.BROKE, Decision.FIXED]
    assert verdict == Verdict(Status.SUCCEEDED, 2, 1, NOON + minutes(2), since=NOON + minutes(7))


def test_a_branch_breaks_once_and_stays_broken_since_then() -> None:
    verdict, decisions = fold_all(
        finish("succeeded", build=1), finish("failed", build=2), finish("timed_out", build=3), finish("failed", build=4)
    )

    assert decisions == [Decision.STILL_WORKING, Decision.BROKE, Decision.STILL_BROKEN, Decision.STILL_BROKEN]
    assert verdict is not None
    assert (verdict.build_id, verdict.since, verdict.is_announced) == (4, NOON + minutes(7), True)


@pytest.mark.parametrize("status", sorted(set(Status) - VERDICTS))
def test_what_is_no_verdict_changes_nothing(status: str) -> None:
    before, _ = fold_all(finish("failed"))

    after, decisions = fold_all(finish("failed"), finish(status, build=2))

    assert after == before
    assert decisions == [Decision.BROKE, Decision.NO_VERDICT]


def test_an_older_build_that_finishes_later_changes_nothing() -> None:
    verdict, decisions = fold_all(finish("succeeded", build=5), finish("failed", build=4))

    assert decisions == [Decision.STILL_WORKING, Decision.OLDER_BUILD]
    assert verdict is not None
    assert verdict.build_id == 5


def test_builds_of_the_same_instant_are_ordered_by_id_and_attempt() -> None:
    twin = finish("failed", build=2, queued_at=NOON + minutes(1))
    rerun = finish("succeeded", build=2, queued_at=NOON + minutes(1), attempt=2)

    _, decisions = fold_all(rerun, twin, finish("failed", build=1))

    assert decisions == [Decision.STILL_WORKING, Decision.OLDER_BUILD, Decision.OLDER_BUILD]


def test_a_rerun_that_passes_fixes_what_it_broke() -> None:
    _, decisions = fold_all(finish("failed"), finish("succeeded", attempt=2))

    assert decisions == [Decision.BROKE, Decision.FIXED]


def test_an_attempt_that_reopens_may_change_its_own_verdict() -> None:
    _, decisions = fold_all(finish("failed"), finish("running"), finish("succeeded"))

    assert decisions == [Decision.BROKE, Decision.NO_VERDICT, Decision.FIXED]


def test_a_superseded_attempts_late_verdict_changes_nothing() -> None:
    verdict, decisions = fold_all(finish("failed", is_superseded=True))

    assert (verdict, decisions) == (None, [Decision.IS_SUPERSEDED])


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        ("parent_pipeline", Decision.CHILD_PIPELINE),
        ("pull_request", Decision.PULL_REQUEST),
        ("pull_request_target", Decision.PULL_REQUEST),
        ("merge_request_event", Decision.PULL_REQUEST),
        ("external_pull_request_event", Decision.PULL_REQUEST),
    ],
)
def test_only_a_branchs_own_builds_count(trigger: str, reason: Decision) -> None:
    assert fold_all(finish("failed", trigger=trigger)) == (None, [reason])


def test_a_build_that_nobody_says_the_trigger_of_counts() -> None:
    assert fold_all(finish("failed", trigger=None))[1] == [Decision.BROKE]


def test_a_backfill_tells_nobody_of_the_break_nor_of_its_recovery() -> None:
    verdict, decisions = fold_all(finish("failed", build=1, is_backfill=True), finish("succeeded", build=2))

    assert decisions == [Decision.IS_BACKFILL, Decision.BREAK_WAS_SILENT]
    assert verdict is not None
    assert verdict.status is Status.SUCCEEDED


def test_a_backfilled_failure_does_not_forget_that_the_branch_was_announced_as_broken() -> None:
    _, decisions = fold_all(
        finish("failed", build=1), finish("failed", build=2, is_backfill=True), finish("succeeded", build=3)
    )

    assert decisions == [Decision.BROKE, Decision.STILL_BROKEN, Decision.FIXED]


def test_a_build_seen_unfinished_counts_by_our_clock_however_wrong_the_providers_is() -> None:
    baseline = NOON + minutes(3)
    for hours in (-2, 0, 2):
        event = finish("failed", baseline_at=baseline, finished_at=NOON + minutes(6) + timedelta(hours=hours))

        assert fold_all(event)[1] == [Decision.BROKE]


def test_a_build_finished_at_first_sight_counts_only_if_it_finished_after_the_baseline() -> None:
    old = finish("failed", from_status=None, baseline_at=NOON + minutes(6))
    new = finish("failed", from_status=None, baseline_at=NOON + minutes(5))

    assert fold_all(old)[1] == [Decision.BEFORE_BASELINE]
    assert fold_all(new)[1] == [Decision.BROKE]


def test_what_was_recorded_before_the_baseline_never_counts_even_if_its_clock_is_ahead() -> None:
    ahead = finish("failed", from_status=None, finished_at=NOON + timedelta(hours=2), baseline_at=NOON + minutes(8))

    assert fold_all(ahead)[1] == [Decision.BEFORE_BASELINE]
    assert fold_all(replace(ahead, from_status=Status.RUNNING))[1] == [Decision.BEFORE_BASELINE]
    assert fold_all(replace(ahead, baseline_at=None))[1] == [Decision.BEFORE_BASELINE]


def test_a_break_noticed_more_than_six_hours_late_is_not_told_nor_is_its_recovery() -> None:
    late = NOON + minutes(6) + timedelta(hours=6, seconds=1)

    verdict, decisions = fold_all(finish("failed"), now=late)
    assert verdict is not None
    _, recovery = fold(verdict, finish("succeeded", build=2, finished_at=late), late)

    assert decisions == [Decision.BROKE_TOO_LONG_AGO]
    assert not verdict.is_announced
    assert recovery is Decision.BREAK_WAS_SILENT


def test_the_last_verdict_is_the_newest_builds_in_whatever_order_they_come() -> None:
    events = [finish("failed", build=1), finish("succeeded", build=2), finish("failed", build=3, attempt=2)]

    for order in permutations(events):
        verdict, _ = fold_all(*order)

        assert verdict is not None
        assert (verdict.build_id, verdict.status) == (3, Status.FAILED)
