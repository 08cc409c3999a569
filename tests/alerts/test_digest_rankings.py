"""What a digest says of flaky and slow pipelines: of its period, of what its routes reach, in every channel."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from alerts.digest import Period, Ranked, Reach, compose
from alerts.digest_plan import plan
from alerts.digest_rankings import TOP, flaky_list, read_rankings, slower_list
from alerts.notice import Line, Notice, Section, Tone, parse_notice
from alerts.receivers.slack_message import render
from alerts.rules import Rules
from shared.config.routes import RouteSettings
from shared.config.settings import ReceiverSettings
from shared.metrics.fold import fold_once
from tests.alerts.history import History, a_route, a_run
from tests.factories import NOON, minutes

DAY = timedelta(days=1)
PERIOD = Period(NOON, NOON + DAY)
PASSED = "passed right after a failure of the same commit"


def a_flaky_row(**overrides: Any) -> dict[str, Any]:
    row = {
        "pipeline_id": 7,
        "pipeline_name": "ci",
        "repository": "acme/web",
        "builds": 12,
        "verdicts": 80,
        "rate": 0.15,
        "lower": 0.0876,
        "last_flake": {"queued_at": NOON},
        "link": "/api/builds?pipeline_id=7&is_flaky=true",
    }
    return row | overrides


def a_slower_row(**overrides: Any) -> dict[str, Any]:
    row = {
        "pipeline_id": 7,
        "pipeline_name": "ci",
        "repository": "acme/web",
        "builds_before": 30,
        "builds": 34,
        "median_before": 125.0,
        "median": 240.0,
        "growth": 0.92,
        "link": "/api/builds?pipeline_id=7&status=succeeded",
    }
    return row | overrides


def a_receiver(**overrides: Any) -> ReceiverSettings:
    return ReceiverSettings(**{"kind": "slack", "name": "ops"} | overrides)


def composed(*rankings: Any) -> Notice:
    notice = compose(a_receiver(), PERIOD, (), (), NOON + DAY, rankings=rankings)
    assert notice is not None
    return notice


def texts(notice: Notice) -> dict[str | None, list[str]]:
    return {section.title: [f"{line.label}: {line.text}" for line in section.lines] for section in notice.sections}


class Day:
    """A day in which some pipelines were flaky or grew slow, counted."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.history = History(session)
        self.number = 0

    def runs(self, *statuses: str, pipeline: str = "ci", seconds: float = 300, day: int = 0, **overrides: Any) -> None:
        """One build each, of one commit if not said otherwise, a minute apart."""
        for status in statuses:
            self.number += 1
            queued_at = NOON + day * DAY + minutes(self.number)
            fields = {"pipeline_name": pipeline, "pipeline_external_id": f"1/{pipeline}"} | overrides
            finished_at = queued_at + timedelta(seconds=seconds)
            self.history.see(a_run(self.number, status, queued_at=queued_at, finished_at=finished_at, **fields))

    def rankings(self, *routes: RouteSettings) -> dict[str | None, list[str]]:
        fold_once(self.session)
        reach = Reach.of(routes or (a_route(),), "ops")
        return texts(composed(*read_rankings(self.session, reach, PERIOD, "UTC")))


@pytest.fixture
def day(session: Session) -> Day:
    return Day(session)


def test_both_lists_stand_below_the_incidents_and_the_title_counts_them() -> None:
    notice = composed(flaky_list([a_flaky_row()], "Europe/Berlin"), slower_list([a_slower_row()] * 2))

    assert notice.title == "Daily digest: 1 flaky, 2 slower"
    assert texts(notice) == {
        "Flaky top ten": [
            f"15%: acme/web ci · 12 of 80 {PASSED} · at least 9% · last 2026-11-20 13:00 CET",
        ],
        "Slowest growth": ["+92%: acme/web ci · median 4 min, before 2 min 5 s · 34 builds, before 30"] * 2,
    }
    assert [line.url for section in notice.sections for line in section.lines][:2] == [
        "/api/builds?pipeline_id=7&is_flaky=true",
        "/api/builds?pipeline_id=7&status=succeeded",
    ]


def test_where_nothing_is_flaky_or_slow_nothing_is_said() -> None:
    assert compose(a_receiver(), PERIOD, (), (), NOON, rankings=(flaky_list([], "UTC"), slower_list([]))) is None


def test_hostile_names_stay_on_their_line_and_inert() -> None:
    hostile = {"pipeline_name": "c\ni <!channel> *b*", "repository": "acme/\u202eweb"}
    rows = [a_flaky_row(**hostile)] * TOP
    notice = composed(flaky_list(rows, "UTC"), slower_list([a_slower_row(**hostile)] * TOP))

    payload = json.dumps(render(notice, "https://ci.example.com", is_possible_repeat=False), ensure_ascii=False)

    assert "<!channel>" not in payload
    assert "\u202e" not in payload
    assert all("\n" not in line and len(line) < 300 for found in texts(notice).values() for line in found)
    assert len(payload) < 13_000


def test_in_slack_the_lists_take_the_room_that_short_sections_leave() -> None:
    line = Line(tone=Tone.BAD, label="broken", text="acme/web ci")
    short = Ranked(words="broke", section=Section(title="Broke", lines=(line,)))
    long = {"repository": "acme/" + "web-" * 15}
    lists = flaky_list([a_flaky_row(**long)] * TOP, "UTC"), slower_list([a_slower_row(**long)] * TOP)
    notice = composed(short, short, short, *lists)

    shown = json.dumps(render(notice, "https://ci.example.com", is_possible_repeat=False)["attachments"])

    assert (shown.count("*broken*"), shown.count("*15%*"), shown.count("*+92%*")) == (3, TOP, TOP)


def test_a_commit_that_passed_right_after_it_had_failed_makes_its_pipeline_flaky(day: Day) -> None:
    day.runs("failed", "succeeded", "succeeded")
    day.runs("failed", "succeeded", pipeline="steady", commit_sha="b" * 40, event="schedule", day=-1)

    found = day.rankings()

    assert found == {
        "Flaky top ten": [
            f"33%: acme/web ci · 1 of 3 {PASSED} · at least 6% · last 2026-11-20 12:02 UTC",
        ]
    }


def test_a_pipeline_that_takes_longer_than_in_the_period_before_is_slower(day: Day) -> None:
    day.runs(*["succeeded"] * 12, seconds=120, day=-1)
    day.runs(*["succeeded"] * 12, seconds=240)

    (line,) = day.rankings()["Slowest growth"]
    assert "acme/web ci · median" in line
    assert line.endswith("12 builds, before 12")


def test_one_that_takes_as_long_as_before_is_not(day: Day) -> None:
    day.runs(*["succeeded"] * 12, seconds=240, day=-1)
    day.runs(*["succeeded"] * 12, seconds=240)
    day.runs("failed", "succeeded", pipeline="nightly")

    assert day.rankings().keys() == {"Flaky top ten"}


def test_only_what_the_routes_reach_is_listed(day: Day) -> None:
    day.runs("failed", "succeeded")
    day.runs("failed", "succeeded", pipeline="nightly")

    found = day.rankings(a_route(pipeline="night*"))

    assert [line.split(" · ")[0] for line in found["Flaky top ten"]] == ["50%: acme/web nightly"]


def test_routes_that_reach_nothing_list_nothing(day: Day) -> None:
    day.runs("failed", "succeeded")
    fold_once(day.session)

    assert read_rankings(day.session, Reach.of([a_route(pipeline="none")], "ops"), PERIOD, "UTC") == ()


def test_the_planned_digest_has_them(day: Day) -> None:
    ops = Rules.default({"ops": a_receiver(digest_at="12:00")})
    plan(day.session, ops, NOON)
    day.runs("failed", "succeeded")
    fold_once(day.session)

    plan(day.session, ops, NOON + DAY)

    message = day.session.scalar(text("SELECT message FROM deliveries WHERE kind = 'digest'"))
    assert "Flaky top ten" in texts(parse_notice(message))


def test_whatever_is_wrong_with_figures_costs_the_digest_nothing_else(day: Day) -> None:
    day.runs("failed", "succeeded")
    fold_once(day.session)

    found = read_rankings(day.session, Reach.of([a_route()], "ops"), PERIOD, "no zone of this world")

    assert found == ()
    assert day.session.scalar(text("SELECT 1")) == 1


def test_figures_that_cannot_be_read_cost_the_digest_nothing_else(day: Day) -> None:
    day.runs("failed", "succeeded")
    day.session.execute(text("ALTER TABLE metric_cells RENAME TO away"))

    with capture_logs() as logs:
        found = read_rankings(day.session, Reach.of([a_route()], "ops"), PERIOD, "UTC")

    assert found == ()
    assert [each["event"] for each in logs] == ["digest without rankings"]
    assert day.session.scalar(text("SELECT 1")) == 1
