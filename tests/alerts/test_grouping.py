"""What is told of an incident by what was told of it before, what holds it, and what goes into one message."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.grouping import (
    NOTHING_NEW,
    ROUTE_CHANGED,
    TOO_OLD,
    Dropped,
    Held,
    Ready,
    Setting,
    Telling,
    in_order,
    kind_to_tell,
    weigh,
    whose_turn,
)
from alerts.message import Kind
from alerts.outages import Outage, OutageKind
from alerts.rules import Rules
from shared.config.routes import Matchers, RouteSettings, Told
from shared.incident_status import IncidentStatus
from tests.alerts.channel import settings
from tests.alerts.test_silences import a_silence, a_subject
from tests.factories import NOON, minutes

NOW = NOON + minutes(10)
ALL = tuple(Told)


def a_telling(status: str = "broken", told: str | None = None, **overrides: Any) -> Telling:
    """News of an incident that opened at noon."""
    fields: dict[str, Any] = {
        "incident_id": 1,
        "subject": a_subject(),
        "version": 1,
        "status": IncidentStatus(status),
        "failures": 1,
        "opened_at": NOON,
        "routes": ("all",),
        "wants": frozenset(ALL),
        "told": None if told is None else IncidentStatus(told),
        "told_failures": 0 if told is None else 1,
        "wanted_at": NOW,
        "wanted_pos": 7,
        "news_at": NOON,
        "due_at": NOW,
        "why": None,
        "held": None,
        "is_reminder": False,
    }
    return Telling(**(fields | overrides))


def a_setting(*routes: dict[str, Any], **overrides: Any) -> Setting:
    """One route called `all` to one receiver called `ops`, unless said otherwise."""
    given = [{"name": "all", "receivers": ["ops"], "on": ALL} | route for route in routes or ({},)]
    rules = Rules(
        routes={each["name"]: RouteSettings.model_validate(each) for each in given},
        receivers={"ops": settings("ops")},
        silences=overrides.pop("silences", ()),
    )
    return Setting(receiver="ops", rules=rules, **overrides)


@pytest.mark.parametrize(
    ("told", "status", "failures", "wants", "kind"),
    [
        (None, "broken", 1, ALL, Kind.BROKE),
        (None, "broken", 3, ALL, Kind.BROKE),
        (None, "broken", 3, [Told.STILL_FAILING], Kind.STILL_FAILING),
        (None, "flapping", 1, ALL, Kind.FLAPPING),
        (None, "flapping", 1, [Told.BROKE], Kind.BROKE),
        (None, "fixed", 1, ALL, Kind.RECOVERED),
        (None, "fixed", 1, [Told.BROKE], Kind.RECOVERED),
        (None, "fixed", 1, [Told.FIXED], Kind.FIXED),
        ("broken", "broken", 1, ALL, None),
        ("broken", "broken", 2, ALL, Kind.STILL_FAILING),
        ("broken", "broken", 2, [Told.BROKE], None),
        ("broken", "flapping", 1, ALL, Kind.FLAPPING),
        ("broken", "fixed", 1, ALL, Kind.FIXED),
        ("flapping", "fixed", 1, ALL, Kind.FIXED),
        ("fixed", "fixed", 1, ALL, None),
    ],
)
def test_what_is_told_is_the_difference_to_what_was_told(
    told: str | None, status: str, failures: int, wants: list[Told], kind: Kind | None
) -> None:
    assert kind_to_tell(a_telling(status, told, failures=failures), wants) == kind


def test_a_reminder_is_told_although_nothing_changed_and_whatever_else_the_route_tells() -> None:
    telling = a_telling(told="broken", is_reminder=True, wants=frozenset({Told.BROKE}), news_at=NOW - minutes(600))

    weighed = weigh(telling, a_setting({"on": ["broke"], "repeat_every": "1h"}), NOW)

    assert weighed == Ready(telling, Kind.STILL_FAILING, 3600)


def test_what_no_route_wants_is_dropped_in_words() -> None:
    dropped = weigh(a_telling("fixed", "broken"), a_setting({"on": ["broke"]}), NOW)
    stale = weigh(a_telling(told="broken"), a_setting(), NOW)

    assert dropped == Dropped(a_telling("fixed", "broken"), "this route does not tell fixed")
    assert stale == Dropped(a_telling(told="broken"), NOTHING_NEW)


@pytest.mark.parametrize(
    "route",
    [{"name": "other"}, {"receivers": ["elsewhere"]}, {"pipeline": "nightly"}, {"branch": "release/*"}],
)
def test_a_route_that_is_another_one_by_now_is_no_reason_to_tell(route: dict[str, Any]) -> None:
    assert weigh(a_telling(), a_setting(route), NOW) == Dropped(a_telling(), ROUTE_CHANGED)


def test_of_several_routes_that_asked_those_still_in_force_count() -> None:
    telling = a_telling(routes=("all", "gone", "late"))

    weighed = weigh(telling, a_setting({"repeat_every": "2h"}, {"name": "late", "repeat_every": "1h"}), NOW)

    assert weighed == Ready(telling, Kind.BROKE, 3600)


def test_a_silence_holds_until_its_end_and_lets_a_recovery_pass_away() -> None:
    setting = a_setting(silences=(a_silence(matchers=Matchers(pipeline=("ci",))),))

    assert weigh(a_telling(), setting, NOW) == Held(a_telling(), "silenced by ada: the move", NOON + minutes(60))
    assert weigh(a_telling("fixed"), setting, NOW) == Dropped(a_telling("fixed"), "silenced by ada: the move")
    assert isinstance(weigh(a_telling("fixed", "broken"), setting, NOW), Held)
    assert isinstance(weigh(a_telling("fixed", is_tried=True), setting, NOW), Held)


def test_an_outage_holds_what_may_come_of_it() -> None:
    away = Outage(id=1, kind=OutageKind.PROVIDER, instance="github.com", began_at=NOON, reason="HTTP 500")
    setting = a_setting(outages=(away,))

    held = weigh(a_telling(), setting, NOW)

    assert isinstance(held, Held)
    assert held.reason == "github.com was away from 2026-11-20 12:00 UTC"
    assert isinstance(weigh(a_telling(news_at=NOON - minutes(1)), setting, NOW), Ready)


def test_quiet_hours_hold_only_what_no_other_route_tells_now() -> None:
    quiet = {"quiet_hours": {"start": "12:00", "end": "13:00"}}
    both = a_telling(routes=("all", "loud"))

    assert weigh(a_telling(), a_setting(quiet), NOW) == Held(
        a_telling(), "quiet hours until 2026-11-20 13:00 UTC", NOON + minutes(60)
    )
    assert isinstance(weigh(both, a_setting(quiet, {"name": "loud"}), NOW), Ready)


@pytest.mark.parametrize(
    ("overrides", "slot_at", "is_told"),
    [
        ({}, None, False),
        ({"held": "quiet hours", "due_at": NOW + timedelta(hours=1)}, None, True),
        ({}, NOW + timedelta(hours=1), True),
        ({"is_reminder": True}, None, True),
    ],
)
def test_news_is_old_six_hours_after_it_could_be_told(
    overrides: dict[str, Any], slot_at: datetime | None, is_told: bool
) -> None:
    weighed = weigh(a_telling(**overrides), a_setting(slot_at=slot_at), NOW + timedelta(hours=6, minutes=1))

    if is_told:
        assert isinstance(weighed, Ready)
    else:
        assert weighed == Dropped(a_telling(), TOO_OLD)


def ready(kind: Kind = Kind.BROKE, **overrides: Any) -> Ready:
    return Ready(a_telling(**overrides), kind, None)


def test_what_is_worse_comes_first_then_what_began_earlier() -> None:
    lines = [
        ready(Kind.FIXED, incident_id=1),
        ready(Kind.BROKE, incident_id=2, opened_at=NOON + minutes(1)),
        ready(Kind.BROKE, incident_id=3),
        ready(Kind.FLAPPING, incident_id=4),
    ]

    assert [each.telling.incident_id for each in in_order(lines)] == [3, 2, 4, 1]


def test_what_came_meanwhile_goes_along_with_what_is_due() -> None:
    due, later = ready(incident_id=1), ready(incident_id=2, due_at=NOW + minutes(1))

    assert whose_turn([due, later], NOW, NOW, has_threads=False) == (None, [due, later])
    assert whose_turn([later], NOW, NOW, has_threads=False) is None
    assert whose_turn([due], NOW + minutes(1), NOW, has_threads=False) is None


def test_a_thread_has_a_turn_of_its_own_and_who_waits_longest_goes_first() -> None:
    new = ready(incident_id=1, wanted_at=NOW - minutes(1))
    reply = ready(incident_id=2, thread_id=5, turn_at=NOW, wanted_at=NOW - minutes(2))
    early = ready(incident_id=3, thread_id=6, turn_at=NOW + minutes(1))

    assert whose_turn([new, reply, early], NOW, NOW, has_threads=True) == (5, [reply])
    assert whose_turn([new, early], NOW, NOW, has_threads=True) == (None, [new])
    assert whose_turn([new, reply, early], NOW, NOW, has_threads=False) == (None, [new, reply, early])
