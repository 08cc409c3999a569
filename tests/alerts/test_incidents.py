"""The fold of incidents: what opens one, what goes on with it, what ends it, and when a branch flaps."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.incidents import Change, Incident, Place, Standing, follow
from alerts.verdicts import Transition, fold
from shared.incident_status import IncidentStatus
from tests.alerts.test_verdicts import finish
from tests.factories import NOON, minutes

NOW = NOON + timedelta(hours=3)
PLACE = Place(pipeline_id=7, branch="main", project_id=1)


class Branch:
    """One branch, followed event by event; `incidents` are all there were, as each stands now."""

    def __init__(self) -> None:
        self.standing: Standing | None = None
        self.incidents: dict[int, Incident] = {}
        self.changes: list[Change] = []

    def follow(self, *events: Transition) -> "Branch":
        for event in events:
            self._follow(event)
        return self

    def _follow(self, event: Transition) -> None:
        last = None if self.standing is None else self.standing.verdict
        verdict, _ = fold(last, event, NOW)
        if verdict is None or verdict == last:
            return
        new_id = -1 - len(self.incidents)
        self.standing, change = follow(self.standing, event, verdict, PLACE, new_id)
        if change is not None:
            self.incidents[change.incident.id] = change.incident
            self.changes.append(change)

    @property
    def only(self) -> Incident:
        [incident] = self.incidents.values()
        return incident

    @property
    def last(self) -> Incident:
        return list(self.incidents.values())[-1]


def after(*statuses: str, every: float = 1) -> Branch:
    """A branch after builds 1, 2, … with these verdicts, `every` so many minutes one."""
    return Branch().follow(*[nth(number, status, every) for number, status in enumerate(statuses, 1)])


def nth(number: int, status: str, every: float = 1) -> Transition:
    return finish(status, build=number, queued_at=at(number, every), finished_at=at(number, every))


def at(number: int, every: float = 1) -> datetime:
    return NOON + minutes(number * every)


FLAPPING = ("failed", "succeeded", "failed", "succeeded", "failed")


def test_the_first_failure_opens_an_incident_that_knows_the_last_good_build() -> None:
    incident = after("succeeded", "succeeded", "failed").only

    assert (incident.status, incident.version, incident.failures, incident.flaps) == (IncidentStatus.BROKEN, 1, 1, 0)
    assert (incident.opened_at, incident.last_failed_at, incident.fixed_at) == (at(3), at(3), None)
    assert (incident.first_bad_build_id, incident.last_bad_build_id, incident.last_good_build_id) == (3, 3, 2)
    assert (incident.pipeline_id, incident.branch, incident.project_id) == (7, "main", 1)


def test_a_branch_that_was_never_seen_to_pass_has_no_last_good_build() -> None:
    incident = after("failed").only

    assert (incident.last_good_build_id, incident.last_good_attempt) == (None, None)


def test_a_failure_more_counts_and_keeps_the_status() -> None:
    branch = after("succeeded", "failed", "timed_out", "failed")

    assert [(change.from_status, change.incident.status) for change in branch.changes] == [
        (None, "broken"),
        ("broken", "broken"),
        ("broken", "broken"),
    ]
    incident = branch.only
    assert (incident.failures, incident.version, incident.last_failed_at) == (3, 3, at(4))
    assert (incident.first_bad_build_id, incident.last_bad_build_id, incident.last_good_build_id) == (2, 4, 1)


def test_the_next_good_verdict_ends_it() -> None:
    branch = after("failed", "failed", "succeeded")

    incident = branch.only
    assert branch.changes[-1].from_status is IncidentStatus.BROKEN
    assert (incident.status, incident.fixed_at, incident.version) == (IncidentStatus.FIXED, at(3), 3)
    assert (incident.fixed_build_id, incident.fixed_attempt, incident.is_flaky) == (3, 1, False)


def test_good_verdicts_of_a_branch_that_works_change_nothing() -> None:
    branch = after("failed", "succeeded", "succeeded", "succeeded")

    assert len(branch.changes) == 2
    assert branch.standing is not None
    assert branch.standing.incident == branch.only


def test_a_failure_after_the_end_is_another_incident() -> None:
    branch = after("failed", "succeeded", "failed")

    assert [incident.status for incident in branch.incidents.values()] == ["fixed", "broken"]
    assert (branch.last.flaps, branch.last.last_good_build_id) == (1, 2)


def test_a_rerun_that_passes_closes_it_and_marks_it_flaky() -> None:
    incident = Branch().follow(finish("failed"), finish("succeeded", attempt=2)).only

    assert (incident.status, incident.is_flaky, incident.fixed_attempt) == (IncidentStatus.FIXED, True, 2)


def test_a_rerun_of_an_earlier_build_than_the_last_bad_one_changes_nothing() -> None:
    branch = Branch().follow(finish("failed", build=1), finish("failed", build=2))

    branch.follow(finish("succeeded", build=1, attempt=2))

    assert (branch.only.status, len(branch.changes)) == (IncidentStatus.BROKEN, 2)


def test_a_rerun_that_fails_after_its_build_passed_has_that_attempt_as_last_good() -> None:
    incident = Branch().follow(finish("succeeded"), finish("failed", attempt=2)).only

    assert (incident.last_good_build_id, incident.last_good_attempt) == (1, 1)
    assert (incident.first_bad_build_id, incident.first_bad_attempt) == (1, 2)


@pytest.mark.parametrize("silent", [{"is_superseded": True}, {"trigger": "pull_request"}, {"queued_at": NOON}])
def test_what_says_nothing_about_the_branch_changes_no_incident(silent: dict[str, Any]) -> None:
    branch = after("failed")
    before = branch.only

    branch.follow(finish("succeeded", build=2, **silent), finish("failed", build=3, **silent))

    assert (branch.only, len(branch.changes)) == (before, 1)


def test_an_attempt_whose_verdict_changes_from_failed_to_timed_out_is_one_failure() -> None:
    branch = Branch().follow(finish("failed"), finish("timed_out"))

    assert (branch.only.failures, len(branch.changes)) == (1, 1)


def test_an_attempt_that_is_corrected_to_good_ends_the_incident_and_is_not_flaky() -> None:
    incident = Branch().follow(finish("failed"), finish("succeeded")).only

    assert (incident.status, incident.is_flaky) == (IncidentStatus.FIXED, False)


def test_an_attempt_that_is_corrected_to_bad_is_not_its_own_last_good() -> None:
    incident = Branch().follow(finish("succeeded"), finish("failed")).only

    assert incident.last_good_build_id is None


def test_a_recovery_that_finished_before_the_failure_never_ends_before_it_opened() -> None:
    slow = finish("failed", build=1, finished_at=NOON + minutes(40))
    quick = finish("succeeded", build=2, finished_at=NOON + minutes(10))

    incident = Branch().follow(slow, quick).only

    assert incident.fixed_at == incident.opened_at == NOON + minutes(40)


def test_the_third_break_within_an_hour_is_flapping_from_its_start() -> None:
    branch = after(*FLAPPING, every=15)

    assert [incident.status for incident in branch.incidents.values()] == ["fixed", "fixed", "flapping"]
    assert (branch.last.flaps, branch.last.version, branch.changes[-1].from_status) == (2, 1, None)


def test_the_third_break_in_more_than_an_hour_is_an_ordinary_one() -> None:
    branch = after(*FLAPPING, every=15.1)

    assert (branch.last.status, branch.last.flaps) == (IncidentStatus.BROKEN, 1)


def test_only_three_good_verdicts_in_a_row_end_a_flapping_incident() -> None:
    branch = after(*FLAPPING, "succeeded", "succeeded", "failed", "succeeded", "succeeded")
    open_until_then = branch.last

    branch.follow(nth(11, "succeeded"))

    assert (open_until_then.status, open_until_then.failures) == (IncidentStatus.FLAPPING, 2)
    assert (branch.last.status, branch.last.fixed_build_id) == (IncidentStatus.FIXED, 11)
    assert [change.from_status for change in branch.changes[-3:]] == [None, "flapping", "flapping"]


def test_the_same_good_attempt_said_twice_is_one_good_verdict() -> None:
    branch = after(*FLAPPING, "succeeded", "succeeded")

    branch.follow(nth(7, "running"), nth(7, "succeeded"))

    assert branch.last.status is IncidentStatus.FLAPPING


def test_a_rerun_that_passes_while_flapping_is_told_as_flaky_before_it_is_over() -> None:
    branch = after(*FLAPPING)
    opened = branch.last

    branch.follow(replace(nth(5, "succeeded"), attempt=2))

    assert branch.last == replace(opened, is_flaky=True, version=2)
    assert branch.changes[-1].from_status is IncidentStatus.FLAPPING


def test_what_nobody_is_told_of_is_silent_until_somebody_is() -> None:
    backfilled = after(*FLAPPING[:4]).follow(replace(nth(5, "failed"), is_backfill=True))
    silent = backfilled.last

    backfilled.follow(nth(6, "succeeded"), nth(7, "failed"))

    assert (silent.status, silent.is_silent) == (IncidentStatus.FLAPPING, True)
    assert (backfilled.last.id, backfilled.last.is_silent) == (silent.id, False)
