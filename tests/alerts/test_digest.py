"""What a digest says and when it comes: the hour of the receiver's own clock, counts, sections, what is left out."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from alerts.digest import Digested, Period, Reach, Untold, compose, due_period, last_slot, place_of
from alerts.notice import Notice, NoticeKind, Tone
from shared.config.routes import RouteSettings, Subject
from shared.config.settings import DigestPeriod, ReceiverSettings
from shared.incident_status import IncidentStatus
from tests.factories import NOON, minutes

PERIOD = Period(NOON - timedelta(days=1), NOON)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_receiver(**overrides: Any) -> ReceiverSettings:
    return ReceiverSettings(**{"kind": "slack", "name": "ops"} | overrides)


def a_subject(**overrides: Any) -> Subject:
    fields = {
        "provider": "github",
        "instance": "github.com",
        "project": "default",
        "team": None,
        "repository": "acme/web",
        "pipeline": "ci",
        "branch": "main",
        "is_default_branch": True,
    }
    return Subject(**fields | overrides)


def an_incident(number: int = 1, **overrides: Any) -> Digested:
    """An incident of the period that was told and lasts."""
    fields: dict[str, Any] = {
        "id": number,
        "subject": a_subject(),
        "status": IncidentStatus.BROKEN,
        "opened_at": NOON - minutes(60),
        "fixed_at": None,
        "failures": 1,
        "is_new": True,
        "is_told": True,
    }
    return Digested(**fields | overrides)


def digest(*incidents: Digested, untold: tuple[Untold, ...] = (), **settings: Any) -> Notice:
    notice = compose(a_receiver(**settings), PERIOD, incidents, untold, NOON)
    assert notice is not None
    return notice


def lines(notice: Notice, title: str) -> list[str]:
    return [line.text for section in notice.sections if section.title == title for line in section.lines]


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        ("2026-11-20T08:59:59", "2026-11-19T09:00"),
        ("2026-11-20T09:00:00", "2026-11-20T09:00"),
        ("2026-11-20T23:59:59", "2026-11-20T09:00"),
    ],
)
def test_a_daily_digest_is_due_at_its_hour(now: str, slot: str) -> None:
    assert last_slot(a_receiver(), at(now)) == at(slot)


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        ("2026-11-22T12:00", "2026-11-16T09:00"),  # a Sunday
        ("2026-11-23T08:59", "2026-11-16T09:00"),
        ("2026-11-23T09:00", "2026-11-23T09:00"),
    ],
)
def test_a_weekly_one_is_due_on_monday(now: str, slot: str) -> None:
    assert last_slot(a_receiver(digest=DigestPeriod.WEEKLY), at(now)) == at(slot)


def test_the_hour_is_one_of_the_receivers_own_zone() -> None:
    kathmandu = a_receiver(timezone="Asia/Kathmandu", digest_at=time(7, 30))

    assert last_slot(kathmandu, at("2026-11-20T01:45")) == at("2026-11-20T01:45")
    assert last_slot(kathmandu, at("2026-11-20T01:44")) == at("2026-11-19T01:45")


@pytest.mark.parametrize(
    ("zone", "hour", "day", "slots"),
    [
        ("Europe/Berlin", time(9), "2026-03-29", ["2026-03-28T08:00", "2026-03-29T07:00", "2026-03-30T07:00"]),
        ("Europe/Berlin", time(2, 30), "2026-03-29", ["2026-03-28T01:30", "2026-03-29T01:30", "2026-03-30T00:30"]),
        ("Europe/Berlin", time(2, 30), "2026-10-25", ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]),
        ("America/New_York", time(9), "2026-11-01", ["2026-10-31T13:00", "2026-11-01T14:00", "2026-11-02T14:00"]),
    ],
)
def test_each_day_has_one_also_where_the_clock_is_changed(zone: str, hour: time, day: str, slots: list[str]) -> None:
    receiver = a_receiver(timezone=zone, digest_at=hour)
    begin = at(day) - timedelta(days=1)

    seen = {last_slot(receiver, begin + timedelta(minutes=15 * step)) for step in range(3 * 96)}

    assert [slot for slot in sorted(filter(None, seen)) if slot >= begin] == [at(slot) for slot in slots]


def test_who_wants_none_gets_none() -> None:
    never = a_receiver(digest=DigestPeriod.NEVER)

    assert last_slot(never, NOON) is None
    assert due_period(never, NOON - timedelta(days=9), NOON) is None


def test_a_period_begins_where_the_last_one_ended() -> None:
    until, slot = at("2026-11-19T09:00"), at("2026-11-20T09:00")

    assert due_period(a_receiver(), until, slot - timedelta(seconds=1)) is None
    assert due_period(a_receiver(), until, slot) == Period(until, slot)
    assert due_period(a_receiver(), slot, slot + minutes(5)) is None


def test_one_that_comes_late_still_covers_all_of_it() -> None:
    assert due_period(a_receiver(), at("2026-11-16T09:00"), at("2026-11-20T15:00")) == Period(
        at("2026-11-16T09:00"), at("2026-11-20T09:00")
    )


def test_one_that_is_more_than_a_day_late_is_part_of_the_next() -> None:
    weekly = a_receiver(digest=DigestPeriod.WEEKLY)
    until = at("2026-11-09T09:00")

    assert due_period(weekly, until, at("2026-11-17T09:01")) is None
    assert due_period(weekly, until, at("2026-11-23T09:00")) == Period(until, at("2026-11-23T09:00"))


def test_none_reaches_back_for_ever() -> None:
    period = due_period(a_receiver(), at("2025-01-01T09:00"), at("2026-11-20T09:00"))

    assert period == Period(at("2026-10-16T09:00"), at("2026-11-20T09:00"))


def test_an_hour_moved_back_repeats_nothing() -> None:
    assert due_period(a_receiver(digest_at=time(8)), at("2026-11-20T09:00"), at("2026-11-20T10:00")) is None


def test_nothing_to_say_is_no_message() -> None:
    assert compose(a_receiver(), PERIOD, (), (), NOON) is None


def test_its_title_counts_and_its_sections_say_what() -> None:
    fixed = an_incident(
        2,
        opened_at=NOON - minutes(118),
        fixed_at=NOON - minutes(101),
        status=IncidentStatus.FIXED,
        is_told=False,
        reason="1 of 2 failures",
        subject=a_subject(branch="fast", is_default_branch=False),
    )
    old = an_incident(3, is_new=False, opened_at=NOON - timedelta(days=2, hours=3), failures=7)
    hidden = Untold(reason="1 of 2 failures", count=7, examples=("acme/web ci on fast", "acme/api ci on main"))

    notice = digest(an_incident(1), fixed, old, untold=(hidden,))

    assert notice.kind is NoticeKind.DIGEST
    assert notice.title == "Daily digest: 2 broke, 2 still broken, 7 not told"
    assert notice.tone is Tone.BAD
    assert notice.facts == (("Period", "2026-11-19 12:00\u20132026-11-20 12:00 UTC"),)
    assert lines(notice, "Broke") == [
        "acme/web ci on main · since 2026-11-20 11:00 UTC · told",
        "acme/web ci on fast · 2026-11-20 10:02\u201310:19 UTC, 17 min · not told: 1 of 2 failures",
    ]
    assert lines(notice, "Still broken") == [
        "acme/web ci on main · since 2026-11-18 09:00 UTC, 2 d 3 h · 7 failures",
        "acme/web ci on main · since 2026-11-20 11:00 UTC, 1 h · 1 failure",
    ]
    assert lines(notice, "Not told, and why") == [
        "1 of 2 failures · acme/web ci on fast, acme/api ci on main and 5 more"
    ]
    assert [(line.label, line.url) for line in notice.sections[0].lines] == [
        ("broken", "/api/incidents/1"),
        ("fixed", "/api/incidents/2"),
    ]
    assert notice.links[0][1] == "/api/incidents?since=2026-11-19T12:00:00Z&until=2026-11-20T12:00:00Z"


def test_what_there_is_none_of_is_left_out() -> None:
    fixed = an_incident(fixed_at=NOON, status=IncidentStatus.FIXED)

    notice = digest(fixed, digest=DigestPeriod.WEEKLY)

    assert notice.title == "Weekly digest: 1 broke"
    assert notice.tone is Tone.GOOD
    assert [section.title for section in notice.sections] == ["Broke"]


def test_a_storm_has_twenty_lines_and_says_how_many_more() -> None:
    notice = digest(*(an_incident(number) for number in range(1, 1001)))

    assert [(len(section.lines), section.more) for section in notice.sections] == [(20, 980), (20, 980)]
    assert notice.title == "Daily digest: 1,000 broke, 1,000 still broken"


def test_default_branches_come_first_and_of_what_is_broken_the_oldest() -> None:
    other = a_subject(branch="fast", is_default_branch=False)
    notice = digest(
        an_incident(1, subject=other, opened_at=NOON - timedelta(days=9)),
        an_incident(2, opened_at=NOON - minutes(1)),
        an_incident(3, opened_at=NOON - timedelta(days=3)),
    )

    urls = [line.url for line in notice.sections[1].lines]

    assert urls == ["/api/incidents/3", "/api/incidents/2", "/api/incidents/1"]


def test_flapping_is_said_in_words_and_a_cut_one_says_that_it_is() -> None:
    flapping = an_incident(status=IncidentStatus.FLAPPING)
    notice = compose(a_receiver(), PERIOD, (flapping,), (), NOON, is_cut=True)

    assert notice is not None
    assert [line.label for section in notice.sections for line in section.lines] == ["flapping", "flapping"]
    assert [label for label, _ in notice.facts] == ["Period", "Incomplete"]


def test_hostile_names_and_reasons_stay_on_their_line() -> None:
    subject = a_subject(repository="acme/\u202eweb", pipeline="c\ni", branch="b" * 10_000)
    notice = digest(an_incident(subject=subject, is_told=False, reason="<!channel>\r\n" + "x" * 9_000))

    (line,) = lines(notice, "Broke")
    assert line.startswith("acme/ web c i on bbb")
    assert "\n" not in line
    assert "\r" not in line
    assert len(line) < 500


def test_a_pipeline_that_is_called_like_its_repository_is_named_once() -> None:
    assert place_of("acme/web", "acme/web", None) == "acme/web"


MAIN = RouteSettings(name="main", receivers=("ops",), project=("default",))
FEED = RouteSettings(name="feed", receivers=("ops", "dev"), pipeline=("nightly",), every_transition=True)


def test_a_digest_is_about_what_its_routes_fit_on_any_branch() -> None:
    ops, dev, nobody = (Reach.of([MAIN, FEED], name) for name in ("ops", "dev", "nobody"))
    fast = a_subject(branch="fast", is_default_branch=False)

    assert ops.holds(fast)
    assert not dev.holds(fast)
    assert not nobody.holds(fast)
    assert not ops.holds(a_subject(project="other"))


def test_why_nothing_was_told_is_the_route_that_fits_but_for_its_branch() -> None:
    reach = Reach.of([FEED, MAIN], "ops")

    assert reach.why_untold(a_subject(branch="fast", is_default_branch=False)) == "branch fast is none of @default"
    assert Reach.of([MAIN], "ops").why_untold(a_subject()) == "it was no news by then"


def test_a_raw_feed_tells_failures_unless_it_leaves_them_out() -> None:
    nightly = a_subject(pipeline="nightly")
    passes = FEED.model_copy(update={"status": ("succeeded",)})

    assert Reach.of([FEED], "dev").feeds(nightly)
    assert not Reach.of([FEED], "dev").feeds(a_subject())
    assert not Reach.of([passes], "dev").feeds(nightly)
