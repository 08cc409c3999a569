"""Digests from real incidents and real decisions: at their hour, once, with all of their period and no past."""

import threading
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from alerts.digest_plan import plan
from alerts.notice import Notice, parse_notice
from alerts.plan import plan_events
from alerts.rules import Rules
from shared.config.routes import RouteSettings
from shared.config.settings import ReceiverSettings
from tests.alerts.history import History, a_route
from tests.factories import NOON, minutes

BEFORE, SLOT = NOON, NOON + timedelta(days=1)
"""A day's digests at noon: what the tests let happen lies between the two."""


def a_receiver(name: str = "ops", **overrides: Any) -> ReceiverSettings:
    settings = {"kind": "slack", "name": name, "digest_at": time(12), "group_wait": 0, "group_interval": 0}
    return ReceiverSettings(**settings | overrides)


def rules(*routes: RouteSettings, receiver: ReceiverSettings | None = None) -> Rules:
    receivers = {"ops": receiver or a_receiver()}
    return (
        Rules(routes={each.name: each for each in routes}, receivers=receivers) if routes else Rules.default(receivers)
    )


OPS = rules()


class Day:
    """A history whose incidents were learnt of when their builds finished, and the digests of it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.history = History(session)
        plan(session, OPS, BEFORE)

    def happens(self, status: str, number: int, in_force: Rules = OPS, **overrides: Any) -> None:
        """Build `number` ends so five minutes after it was queued, and is planned a minute later."""
        late = overrides.pop("late", timedelta(0))
        is_backfill = overrides.pop("is_backfill", False)
        self.history.finish(status, number, is_backfill=is_backfill, **overrides)
        seen_at = NOON + minutes(number + 6) + late
        plan_events(self.session, in_force, seen_at)
        self.session.execute(
            text("UPDATE incidents SET recorded_at = :at WHERE recorded_at > :future"),
            {"at": seen_at, "future": NOON + timedelta(days=1)},
        )

    def tells(self, state: str = "broken") -> None:
        """What is wanted so far is told."""
        self.session.execute(text("UPDATE tellings SET told = :state, wanted_at = NULL"), {"state": state})
        self.session.execute(
            text("UPDATE routings SET outcome = 'told', settled_at = decided_at WHERE outcome = 'queued'")
        )

    def drops(self, reason: str, at: datetime, outcome: str = "dropped") -> None:
        """What is wanted so far is given up, or held."""
        self.session.execute(
            text("UPDATE routings SET outcome = :outcome, reason = :reason, settled_at = :at WHERE outcome = 'queued'"),
            {"outcome": outcome, "reason": reason, "at": at if outcome == "dropped" else None},
        )

    def digests(self, now: datetime = SLOT, in_force: Rules = OPS) -> list[Notice]:
        plan(self.session, in_force, now)
        statement = text("SELECT message FROM deliveries WHERE kind = 'digest' ORDER BY id")
        return [parse_notice(row) for row in self.session.scalars(statement)]

    def digest(self, now: datetime = SLOT, in_force: Rules = OPS) -> Notice:
        (notice,) = self.digests(now, in_force)
        return notice

    @property
    def digested_until(self) -> datetime | None:
        statement = text("SELECT digested_until FROM receiver_states WHERE receiver = 'ops'")
        until: datetime | None = self.session.scalar(statement)
        return until


@pytest.fixture
def day(session: Session) -> Day:
    return Day(session)


def texts(notice: Notice) -> dict[str | None, list[str]]:
    return {section.title: [line.text for line in section.lines] for section in notice.sections}


def test_the_default_route_tells_the_default_branch_and_the_digest_all_of_them(day: Day) -> None:
    day.happens("failed", 1)
    day.tells()
    day.happens("failed", 2, branch="fast")

    notice = day.digest()

    assert notice.title == "Daily digest: 2 broke, 2 still broken"
    assert texts(notice)["Broke"] == [
        "acme/web ci on main · since 2026-11-20 12:06 UTC · told",
        "acme/web ci on fast · since 2026-11-20 12:07 UTC · not told: branch fast is none of @default",
    ]


def test_it_comes_once_and_not_before_its_hour(day: Day) -> None:
    day.happens("failed", 1)

    assert day.digests(SLOT - timedelta(seconds=1)) == []
    assert len(day.digests(SLOT)) == 1
    assert len(day.digests(SLOT + minutes(1))) == 1

    key, state = day.session.execute(text("SELECT key, state FROM deliveries WHERE kind = 'digest'")).one()
    assert (key, state) == ("digest:ops:2026-11-21T12:00Z", "pending")


def test_a_receiver_that_is_new_gets_its_first_one_at_its_hour(session: Session) -> None:
    day = Day(session)
    newer = Rules.default({"new": a_receiver("new")})
    day.happens("failed", 1, newer)

    assert day.digests(NOON + timedelta(hours=30), newer) == []
    notice = day.digest(NOON + timedelta(days=2), newer)

    assert texts(notice).keys() == {"Still broken"}


def test_nothing_to_say_moves_on_without_a_message(day: Day) -> None:
    day.happens("succeeded", 1)

    assert day.digests() == []
    assert day.digested_until == SLOT


def test_what_was_hidden_is_there_with_its_reason(day: Day) -> None:
    careful = rules(a_route(confirm=2))
    day.happens("failed", 1, careful)
    day.happens("succeeded", 2, careful)

    notice = day.digest(in_force=careful)

    assert notice.title == "Daily digest: 1 broke, 1 not told"
    assert texts(notice) == {
        "Broke": ["acme/web ci on main · 2026-11-20 12:06\u201312:07 UTC, 1 min · not told: 1 of 2 failures"],
        "Not told, and why": ["1 of 2 failures · acme/web ci on main"],
    }


def test_what_was_told_in_the_end_is_not_among_the_hidden(day: Day) -> None:
    careful = rules(a_route(confirm=2))
    day.happens("failed", 1, careful)
    day.happens("failed", 2, careful)
    day.tells()
    day.happens("failed", 3, careful)

    assert day.digest(in_force=careful).title == "Daily digest: 1 broke, 1 still broken"


def test_news_that_was_too_old_to_be_sent_is_in_the_digest(day: Day) -> None:
    day.happens("failed", 1)
    day.drops("older than 6 h: it is in the digest", NOON + timedelta(hours=7))

    assert texts(day.digest())["Not told, and why"] == ["older than 6 h: it is in the digest · acme/web ci on main"]


def test_and_so_is_what_was_learnt_too_late(day: Day) -> None:
    day.happens("failed", 1, late=timedelta(hours=7))

    notice = day.digest()

    assert notice.title == "Daily digest: 1 broke, 1 still broken, 1 not told"
    assert texts(notice)["Not told, and why"] == [
        "finished more than 6 h ago: it is in the digest · acme/web ci on main"
    ]


def test_what_waits_for_its_turn_is_neither_told_nor_hidden(day: Day) -> None:
    day.happens("failed", 1)

    assert texts(day.digest())["Broke"] == [
        "acme/web ci on main · since 2026-11-20 12:06 UTC · not told: it waits for its turn"
    ]


def test_what_is_held_is_not_told_either(day: Day) -> None:
    day.happens("failed", 1)
    day.drops("silenced by ada until tomorrow: deploy", NOON + minutes(8), "held")

    assert texts(day.digest())["Not told, and why"] == ["silenced by ada until tomorrow: deploy · acme/web ci on main"]


def test_a_recovery_that_was_not_told_counts_where_its_failure_was(day: Day) -> None:
    only_breaks = rules(a_route(on=["broke"]))
    day.happens("failed", 1, only_breaks)
    day.tells()
    day.happens("succeeded", 2, only_breaks)

    notice = day.digest(in_force=only_breaks)

    assert notice.title == "Daily digest: 1 broke, 1 not told"
    assert texts(notice)["Not told, and why"] == ["this route does not tell what is fixed · acme/web ci on main"]


def test_what_one_route_hid_and_another_told_was_told(day: Day) -> None:
    both = rules(a_route("all"), a_route("sure", confirm=3))
    day.happens("failed", 1, both)
    day.tells()

    assert day.digest(in_force=both).title == "Daily digest: 1 broke, 1 still broken"


def test_first_sight_and_a_backfill_broke_nothing_but_what_is_red_is_said(day: Day) -> None:
    day.happens("failed", -200)
    day.happens("failed", 1, is_backfill=True, branch="old")

    notice = day.digest()

    assert "Broke" not in texts(notice)
    assert texts(notice)["Still broken"][0].startswith("acme/web ci on main · since 2026-11-20 08:45 UTC")


def test_a_branch_nobody_builds_any_more_is_not_still_broken(day: Day) -> None:
    day.happens("failed", 1)
    day.happens("failed", 2, branch="gone")
    assert day.digest().title == "Daily digest: 2 broke, 2 still broken"

    notice = day.digests(SLOT + timedelta(days=1))[1]

    assert notice.title == "Daily digest: 1 still broken"
    assert texts(notice) == {"Still broken": ["acme/web ci on main · since 2026-11-20 12:06 UTC, 1 d 23 h · 1 failure"]}


def test_it_is_about_what_its_routes_fit(day: Day) -> None:
    other = rules(a_route(pipeline=["nightly"]))
    day.happens("failed", 1, other)

    assert day.digests(in_force=other) == []


def test_what_is_learnt_in_the_last_minute_is_in_the_next_one(day: Day) -> None:
    day.happens("failed", 1)
    day.session.execute(text("UPDATE incidents SET recorded_at = :at"), {"at": SLOT - timedelta(seconds=30)})

    first = day.digest()
    second = day.digests(SLOT + timedelta(days=1))[1]

    assert "Broke" not in texts(first)
    assert len(texts(second)["Broke"]) == 1


def test_one_that_is_late_covers_all_of_its_time(day: Day) -> None:
    day.happens("failed", 1)

    notice = day.digest(SLOT + timedelta(days=3, hours=5))

    assert notice.facts == (("Period", "2026-11-20 12:00\u20132026-11-24 12:00 UTC"),)
    assert len(texts(notice)["Broke"]) == 1


def test_a_receiver_that_is_off_gets_all_of_it_when_it_is_back(day: Day) -> None:
    day.happens("failed", 1)
    day.session.execute(text("UPDATE receiver_states SET off_since = :at"), {"at": NOON})
    assert day.digests() == []

    day.session.execute(text("UPDATE receiver_states SET off_since = NULL"))

    assert len(texts(day.digest(SLOT + timedelta(days=1)))["Broke"]) == 1


def test_a_storm_is_read_in_two_statements_and_has_twenty_lines(day: Day) -> None:
    day.happens("failed", 1)
    day.session.execute(
        text("""
            INSERT INTO incidents (pipeline_id, branch, project_id, status, opened_at, last_failed_at,
                first_bad_build_id, first_bad_attempt, last_bad_build_id, last_bad_attempt, recorded_at)
            SELECT pipeline_id, 'b' || n, project_id, status, opened_at, last_failed_at, first_bad_build_id,
                   first_bad_attempt, last_bad_build_id, last_bad_attempt, recorded_at
            FROM incidents, generate_series(1, 999) n
        """)
    )

    notice = day.digest()

    assert notice.title.startswith("Daily digest: 1,000 broke, 1,000 still broken")
    assert [(len(section.lines), section.more) for section in notice.sections[:2]] == [(20, 980)] * 2


def test_one_that_fails_costs_no_other(day: Day) -> None:
    broken = a_route("broken", receivers=["bad"]).model_copy(update={"pipeline": (None,)})
    both = Rules(
        routes={"broken": broken, "main": a_route()}, receivers={"bad": a_receiver("bad"), "ops": a_receiver()}
    )
    day.digests(BEFORE, both)
    day.happens("failed", 1)

    with capture_logs() as logs:
        assert len(day.digests(in_force=both)) == 1

    assert [(each["event"], each["receiver"]) for each in logs if each["log_level"] == "error"] == [
        ("digest failed", "bad")
    ]


def test_two_schedulers_at_the_same_moment_write_one(database: Engine) -> None:
    with Session(database) as session, session.begin():
        Day(session).happens("failed", 1)
    start = threading.Barrier(2)

    def scheduler() -> None:
        with Session(database) as session, session.begin():
            start.wait()
            plan(session, OPS, SLOT)

    schedulers = [threading.Thread(target=scheduler) for _ in range(2)]
    for each in schedulers:
        each.start()
    for each in schedulers:
        each.join()

    with Session(database) as session:
        plan(session, OPS, SLOT)
        assert session.scalar(text("SELECT count(*) FROM deliveries WHERE kind = 'digest'")) == 1
