"""What a route makes of a change of an incident: told or not, and the sentence that says why."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.incidents import Change, Place, follow
from alerts.novelty import Novelty
from alerts.routes import (
    BEFORE_BASELINE,
    IS_BACKFILL,
    TOO_LATE,
    WAS_NOT_TOLD,
    WAS_SILENT,
    Facts,
    Judgement,
    Outcome,
    facts_of,
    judge,
)
from alerts.verdicts import Transition, fold
from shared.config.routes import Subject, Told
from tests.alerts.history import a_route
from tests.alerts.test_incidents import FLAPPING, after
from tests.alerts.test_verdicts import NOW, finish
from tests.factories import NOON

MAIN = Subject(
    provider="github",
    instance="github.com",
    project="shop",
    team="payments",
    repository="acme/web",
    pipeline="ci",
    branch="main",
    is_default_branch=True,
)
FIRST = Facts(failures=1)
LINT_BEFORE, LINT_NEW, UNKNOWN = Novelty(("lint",), "17"), Novelty(("lint",)), Novelty()


def judged(told: str, facts: Facts = FIRST, **settings: Any) -> Judgement:
    return judge(a_route(**settings), MAIN, Told(told), facts)


def queued(why: str | None = None) -> Judgement:
    return Judgement(Outcome.QUEUED, why=why)


def suppressed(reason: str) -> Judgement:
    return Judgement(Outcome.SUPPRESSED, reason)


@pytest.mark.parametrize("told", ["broke", "flapping"])
def test_the_default_route_tells_what_breaks(told: str) -> None:
    assert judged(told) == queued()


def test_a_route_that_does_not_fit_says_by_what() -> None:
    assert judged("broke", repository="acme/api") == Judgement(
        Outcome.UNMATCHED, "repository acme/web is none of acme/api"
    )


def test_not_fitting_is_said_before_anything_else() -> None:
    assert judged("broke", replace(FIRST, no_news=TOO_LATE), team="web").outcome is Outcome.UNMATCHED


def test_what_is_no_news_is_told_by_no_route() -> None:
    assert judged("broke", replace(FIRST, no_news=IS_BACKFILL), on=["fixed"]) == suppressed(IS_BACKFILL)


@pytest.mark.parametrize(
    ("told", "on", "words"),
    [
        ("broke", ["fixed"], "this route does not tell what broke"),
        ("still_failing", ["broke"], "this route does not tell what still fails"),
        ("flapping", ["fixed"], "this route does not tell what flaps"),
        ("fixed", ["broke"], "this route does not tell what is fixed"),
    ],
)
def test_a_kind_that_a_route_does_not_tell_is_named(told: str, on: list[str], words: str) -> None:
    assert judged(told, replace(FIRST, is_known=True), on=on) == suppressed(words)


def test_a_route_that_knows_no_flapping_is_told_that_it_broke() -> None:
    facts = replace(FIRST, is_flapping=True)

    assert judged("flapping", facts, on=["broke"]) == queued()
    assert judged("flapping", facts, on=["broke"], confirm=2) == suppressed("1 of 2 failures")


def test_a_break_that_has_to_be_confirmed_is_told_with_the_failure_that_does() -> None:
    facts = [Facts(failures=number) for number in (1, 2, 3, 4)]

    assert judged("broke", facts[0], confirm=3) == suppressed("1 of 3 failures")
    assert judged("still_failing", facts[1], confirm=3) == suppressed("this route does not tell what still fails")
    assert judged("still_failing", facts[2], confirm=3) == queued("3 of 3 failures")
    assert judged("still_failing", replace(facts[3], is_known=True), confirm=3).outcome is Outcome.SUPPRESSED


def test_a_break_whose_confirmation_was_no_news_is_told_with_the_next_failure() -> None:
    assert judged("still_failing", Facts(failures=3), confirm=2) == queued("3 failures in a row")


def test_an_older_incident_is_not_told_to_a_route_that_waits_for_nothing() -> None:
    assert judged("still_failing", Facts(failures=3)).outcome is Outcome.SUPPRESSED


def test_a_route_that_tells_every_failure_begins_with_the_confirmed_one() -> None:
    told = [judged("still_failing", Facts(failures=n), on=["still_failing"], confirm=3).outcome for n in (2, 3, 4)]

    assert told == ["suppressed", "queued", "queued"]


def test_flapping_is_confirmed_by_what_it_is() -> None:
    assert judged("flapping", replace(FIRST, is_flapping=True), confirm=5) == queued()


def test_flapping_that_was_told_is_not_told_again_once_it_failed_often_enough() -> None:
    facts = Facts(failures=2, is_flapping=True, is_known=True)

    assert judged("still_failing", facts, confirm=2) == suppressed("this route does not tell what still fails")


def test_a_failure_in_jobs_that_failed_before_is_not_new() -> None:
    assert judged("broke", replace(FIRST, novelty=LINT_BEFORE), novel_only=True) == suppressed(
        "its failed job (lint) failed in build 17 as well"
    )


def test_a_new_failure_says_so() -> None:
    assert judged("broke", replace(FIRST, novelty=LINT_NEW), novel_only=True) == queued(
        "new: no build of the last 100 failed in lint"
    )


def test_a_failure_of_which_no_jobs_are_known_counts_as_new() -> None:
    assert judged("broke", replace(FIRST, novelty=UNKNOWN), novel_only=True) == queued(
        "which jobs failed is not known, so it counts as new"
    )


def test_a_new_failure_in_a_branch_that_failed_as_usual_before_is_its_break() -> None:
    facts = Facts(failures=4, novelty=LINT_NEW)

    assert judged("still_failing", facts, novel_only=True).outcome is Outcome.QUEUED
    assert judged("still_failing", replace(facts, is_known=True), novel_only=True).outcome is Outcome.SUPPRESSED


def test_every_reason_to_tell_is_said() -> None:
    facts = Facts(failures=2, novelty=LINT_NEW)

    assert judged("still_failing", facts, novel_only=True, confirm=2) == queued(
        "new: no build of the last 100 failed in lint; 2 of 2 failures"
    )


def test_a_recovery_is_told_to_who_heard_of_the_break() -> None:
    assert judged("fixed") == suppressed(WAS_NOT_TOLD)
    assert judged("fixed", replace(FIRST, is_known=True), confirm=3, novel_only=True) == queued()


def test_a_route_about_recoveries_alone_tells_those_of_confirmed_failures() -> None:
    assert judged("fixed", on=["fixed"]) == queued()
    assert judged("fixed", on=["fixed"], confirm=2) == suppressed("1 of 2 failures")


def change_of(event: Transition) -> Change:
    """The incident that this event opens."""
    verdict, _ = fold(None, event, NOW)
    assert verdict is not None
    _, change = follow(None, event, verdict, Place(pipeline_id=7, branch="main", project_id=1), -1)
    assert change is not None
    return change


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({}, None),
        ({"is_backfill": True}, IS_BACKFILL),
        ({"baseline_at": None}, BEFORE_BASELINE),
        ({"finished_at": NOW - timedelta(hours=6, seconds=1)}, TOO_LATE),
    ],
)
def test_an_incident_is_news_unless_it_is_of_the_past(overrides: dict[str, Any], reason: str | None) -> None:
    assert facts_of(change_of(finish("failed", **overrides)), NOW).no_news == reason


def test_what_goes_on_in_a_silent_incident_is_no_news_either() -> None:
    opened = change_of(finish("failed", is_backfill=True))
    again = replace(opened, cause=finish("failed", build=2), before=opened.incident)

    assert facts_of(again, NOW).no_news == WAS_SILENT


def test_a_change_knows_what_is_told_of_it() -> None:
    steady = [change.told for change in after("failed", "timed_out", "succeeded", every=40).changes]
    flapping = after(*FLAPPING, "failed", "succeeded", "succeeded", "succeeded").changes

    assert steady == [Told.BROKE, Told.STILL_FAILING, Told.FIXED]
    assert [change.told for change in flapping[-3:]] == [Told.FLAPPING, Told.STILL_FAILING, Told.FIXED]
    assert facts_of(flapping[-2], NOON).is_flapping
