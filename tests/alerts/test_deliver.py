"""Delivery over real commits: what is told, when it is held, in how many messages, what every answer leads to."""

import json
import time
from datetime import timedelta
from threading import Event, Timer
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from alerts.deliver import LONGEST_WAIT_SECONDS, Delivered, Deliverer, back_off
from alerts.message import to_row
from alerts.notice import Notice, NoticeKind, Tone
from alerts.planned import Planned, plan_all
from shared.errors import ReceiverGone, Rejected, RetryLater
from tests.alerts.channel import NOW, Channel, Ear, settings
from tests.alerts.crew import wait_for
from tests.alerts.messages import a_message
from tests.factories import NOON

OUTCOMES = "SELECT kind, outcome, reason FROM routings ORDER BY event_pos"
STATES = "SELECT state FROM deliveries ORDER BY id"


@pytest.fixture
def ops() -> Ear:
    return Ear()


@pytest.fixture
def channel(database: Engine, ops: Ear) -> Channel:
    return Channel(database, ops)


def test_a_break_and_its_fix_arrive_in_order_and_only_once(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    assert channel.deliver() == Delivered(sent=1)
    channel.finish("succeeded", 2)

    assert channel.deliver() == Delivered(sent=1)
    assert channel.deliver() == Delivered()

    assert ops.titles == ["acme/web ci broke on main", "acme/web ci is fixed on main"]
    assert channel.rows("SELECT state, tries, last_error, lease_until FROM deliveries") == [("sent", 1, None, None)] * 2
    assert channel.rows("SELECT kind, outcome, delivery_id FROM routings ORDER BY event_pos") == [
        ("broke", "told", 1),
        ("fixed", "told", 2),
    ]


def test_what_failed_and_recovered_before_anything_was_sent_is_one_message(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    channel.finish("succeeded", 2)

    assert channel.deliver() == Delivered(sent=1)
    assert channel.deliver() == Delivered()

    assert ops.titles == ["acme/web ci failed and recovered on main"]
    assert dict(ops.heard[0].notice.facts)["Broken"] == "2026-11-20 12:06\N{EN DASH}12:07 UTC, 1 min"
    assert [outcome for _, outcome, _ in channel.rows(OUTCOMES)] == ["told", "told"]


def test_a_route_that_tells_only_recoveries_tells_it_as_one(channel: Channel, ops: Ear) -> None:
    channel.route(on=["fixed"])
    channel.finish("failed", 1)
    channel.finish("succeeded", 2)

    channel.deliver()

    assert ops.titles == ["acme/web ci is fixed on main"]


def test_more_failures_are_told_where_a_route_wants_them(channel: Channel, ops: Ear) -> None:
    channel.route(on=["broke", "still_failing"])
    for number in (1, 2, 3):
        channel.finish("failed", number)
        channel.deliver()

    assert ops.titles == ["acme/web ci broke on main", *["acme/web ci is still failing on main"] * 2]
    assert dict(ops.heard[2].notice.facts)["Failures"] == "3 in a row"


def test_a_storm_is_one_message_after_the_groups_wait_and_the_rest_one_interval_later(
    channel: Channel, ops: Ear
) -> None:
    channel.set(group_wait=20, group_interval=300)
    channel.finish("failed", 1, pipeline_external_id="p/1", pipeline_name="one")
    assert channel.deliver(10) == Delivered()
    channel.finish("failed", 1, pipeline_external_id="p/2", pipeline_name="two")
    assert channel.deliver(9) == Delivered()
    assert channel.deliver(1) == Delivered(sent=1)
    channel.finish("failed", 1, pipeline_external_id="p/3", pipeline_name="three")
    assert channel.deliver(299) == Delivered()
    assert channel.deliver(2) == Delivered(sent=1)

    assert ops.titles == ["2 pipelines broke", "acme/web three broke on main"]


def test_a_thousand_incidents_are_twenty_lines_and_all_of_them_behind_the_link(channel: Channel, ops: Ear) -> None:
    channel.set(group_wait=20)
    with Session(channel.engine) as session, session.begin():
        channel.history.session = session
        for n in range(300):
            channel.history.finish("failed", 1, pipeline_external_id=f"p/{n}", pipeline_name=f"p{n}")
    channel.plan()

    with counted_statements(channel.engine) as statements:
        assert channel.deliver(20) == Delivered(sent=1)

    [heard] = ops.heard
    [section] = heard.notice.sections
    assert heard.title == "300 pipelines broke"
    assert (len(section.lines), section.more) == (20, 280)
    assert channel.rows("SELECT count(*), count(DISTINCT place), max(place) FROM delivery_items") == [(300, 300, 299)]
    assert len(statements) < 35


class counted_statements:  # noqa: N801 (reads as a word in the tests)
    """Every statement of an engine while it is open."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.seen: list[str] = []

    def __enter__(self) -> list[str]:
        event.listen(self.engine, "before_cursor_execute", self._see)
        return self.seen

    def __exit__(self, *_: object) -> None:
        event.remove(self.engine, "before_cursor_execute", self._see)

    def _see(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self.seen.append(statement)


def test_what_could_not_be_taken_is_composed_anew_and_says_that_it_may_be_a_repeat(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    ops.say(RetryLater("busy"))
    assert channel.deliver() == Delivered(postponed=1)
    assert channel.deliver(2) == Delivered()
    channel.finish("succeeded", 2)

    assert channel.deliver(8) == Delivered(sent=1)

    assert ops.titles == ["possible repeat: acme/web ci failed and recovered on main"]
    assert channel.rows("SELECT state, tries FROM deliveries") == [("sent", 2)]


def test_a_receiver_that_says_how_long_is_left_alone_for_so_long(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    ops.say(RetryLater("slow down", 30))

    assert channel.deliver() == Delivered(postponed=1)
    channel.finish("failed", 1, pipeline_external_id="p/2", pipeline_name="other")
    assert channel.deliver(29) == Delivered()
    assert channel.deliver(3) == Delivered(sent=1)

    assert ops.titles == ["possible repeat: 2 pipelines broke"]


def test_what_is_refused_is_dropped_with_the_receivers_words(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    ops.say(Rejected("it is too long"))

    with capture_logs() as events:
        assert channel.deliver() == Delivered(dead=1)
    assert channel.deliver() == Delivered()

    assert channel.rows("SELECT state, last_error FROM deliveries") == [("dead", "it is too long")]
    assert channel.rows(OUTCOMES) == [("broke", "dropped", "it is too long")]
    [refused] = [entry for entry in events if entry["event"] == "refused"]
    assert (refused["log_level"], refused["receiver"], refused["reason"]) == ("error", "ops", "it is too long")


def test_a_receiver_that_is_gone_is_switched_off_and_hears_all_of_it_once_its_settings_differ(
    channel: Channel, ops: Ear
) -> None:
    channel.finish("failed", 1)
    ops.say(ReceiverGone("the webhook was deleted"))
    assert channel.deliver() == Delivered(dead=1)
    channel.finish("failed", 1, pipeline_external_id="p/2", pipeline_name="other")
    assert channel.deliver(3600) == Delivered()
    reason = "this receiver is switched off: the webhook was deleted"
    assert channel.rows(OUTCOMES) == [("broke", "held", reason)] * 2
    assert channel.rows("SELECT kind, subject, reason, ended_at FROM outages") == [
        ("receiver", "ops", "the webhook was deleted", None)
    ]

    channel.set(operations=False)

    assert channel.deliver(86_400) == Delivered(sent=1)
    assert ops.titles == ["2 pipelines broke"]
    assert channel.rows("SELECT off_since, off_reason FROM receiver_states") == [(None, None)]
    assert channel.rows("SELECT ended_at IS NOT NULL FROM outages") == [(True,)]


def test_what_was_planned_for_a_receiver_that_is_gone_waits_until_it_is_back(channel: Channel, ops: Ear) -> None:
    channel.route("feed", every_transition=True, status=["failed"])
    ops.say(ReceiverGone("token_revoked"))
    channel.finish("failed", 1)
    assert channel.deliver() == Delivered(postponed=1)
    assert channel.deliver() == Delivered()
    channel.set(group_wait=1)

    assert channel.deliver() == Delivered(sent=1)

    assert [heard.notice.title for heard in ops.heard] == ["acme/web ci failed on main"]
    assert channel.rows("SELECT outcome FROM routings") == [("told",)]


def test_a_trial_reaches_a_receiver_that_is_off_and_switches_it_on(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    ops.say(ReceiverGone("the webhook was deleted"))
    channel.deliver()
    plan(channel, a_notice(NoticeKind.TEST, "Does it work?"), key="test:1")
    plan(channel, a_notice(NoticeKind.DIGEST, "Daily digest"), key="digest:1")

    assert channel.deliver() == Delivered(sent=3)

    assert ops.titles == ["Does it work?", "Daily digest", "acme/web ci broke on main"]


def test_a_message_of_several_tries_that_ends_with_a_gone_receiver_is_a_repeat_when_it_is_back(
    channel: Channel, ops: Ear
) -> None:
    ops.takes_what_it_refuses = True
    channel.finish("failed", 1)
    ops.say(RetryLater("no answer"), ReceiverGone("the webhook was deleted"))
    channel.deliver()
    channel.deliver(10)
    ops.takes_what_it_refuses = False

    channel.set(operations=False)
    channel.deliver()

    assert ops.titles[0] == "acme/web ci broke on main"
    assert {*ops.titles[1:]} == {"possible repeat: acme/web ci broke on main"}


def test_news_older_than_six_hours_is_left_to_the_digest(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)

    assert channel.deliver(6 * 3600 + 60) == Delivered()

    assert ops.titles == []
    assert channel.rows(OUTCOMES) == [("broke", "dropped", "older than 6 h: it is in the digest")]


def test_a_silence_holds_news_and_says_so_and_it_is_told_once_when_it_ends(channel: Channel, ops: Ear) -> None:
    channel.silence(NOW + timedelta(hours=9), pipeline="ci")
    channel.finish("failed", 1)
    channel.finish("failed", 1, pipeline_external_id="p/2", pipeline_name="other")

    assert channel.tick() == Delivered(sent=1)
    assert channel.rows(OUTCOMES)[0] == ("broke", "held", "silenced by ada: the move")
    assert channel.tick(9 * 3600) == Delivered(sent=1)
    assert channel.tick() == Delivered()

    assert ops.titles == ["acme/web other broke on main", "acme/web ci broke on main"]
    assert dict(ops.heard[1].notice.facts)["Why"] == "the silence by ada ended"
    assert channel.rows(OUTCOMES)[0] == ("broke", "told", "silenced by ada: the move")


def test_what_recovers_within_a_silence_is_not_told(channel: Channel, ops: Ear) -> None:
    channel.silence(NOW + timedelta(hours=1))
    channel.finish("failed", 1)
    channel.tick()
    channel.finish("succeeded", 2)
    channel.tick()

    assert channel.tick(3600) == Delivered()

    assert ops.titles == []
    assert [outcome for _, outcome, _ in channel.rows(OUTCOMES)] == ["dropped", "dropped"]


def test_quiet_hours_hold_news_until_the_morning(channel: Channel, ops: Ear) -> None:
    channel.route(quiet_hours={"start": "12:00", "end": "07:00"})
    channel.finish("failed", 1)

    assert channel.deliver() == Delivered()
    assert channel.rows(OUTCOMES) == [("broke", "held", "quiet hours until 2026-11-21 07:00 UTC")]
    assert channel.deliver((NOON + timedelta(hours=18, minutes=59) - channel.now).total_seconds()) == Delivered()
    assert channel.deliver(60) == Delivered(sent=1)

    assert ops.titles == ["acme/web ci broke on main"]


def test_other_rules_have_what_is_held_looked_at_again(channel: Channel, ops: Ear) -> None:
    channel.route(quiet_hours={"start": "12:00", "end": "07:00"})
    channel.finish("failed", 1)
    channel.deliver()

    channel.route()

    assert channel.deliver() == Delivered(sent=1)
    assert ops.titles == ["acme/web ci broke on main"]


@pytest.mark.parametrize("route", [{"receivers": ("other",)}, {"pipeline": "nightly"}, {"every_transition": True}])
def test_a_route_that_was_changed_meanwhile_tells_no_more(channel: Channel, ops: Ear, route: dict[str, Any]) -> None:
    channel.set("other")
    channel.route()
    channel.finish("failed", 1)
    channel.route(**route)

    assert channel.deliver() == Delivered()

    assert ops.titles == []
    assert channel.rows(OUTCOMES) == [("broke", "dropped", "this route was changed meanwhile")]


def test_a_provider_that_is_away_mutes_what_broke_meanwhile(channel: Channel, ops: Ear) -> None:
    channel.change(f"""
        INSERT INTO outages (kind, subject, instance_id, reason, began_at)
        VALUES ('provider', 'github.com', {channel.history.instance_id}, 'HTTP 500', '{NOON}')
    """)
    channel.finish("failed", 1)
    assert channel.deliver() == Delivered()
    assert channel.rows(OUTCOMES) == [("broke", "held", "github.com was away from 2026-11-20 12:00 UTC")]

    channel.change("UPDATE outages SET ended_at = began_at + interval '1 hour'")

    assert channel.deliver(60) == Delivered(sent=1)
    assert ops.titles == ["acme/web ci broke on main"]


def test_a_thread_answers_its_first_message_which_turns_green_when_all_of_it_recovered(
    database: Engine, channel: Channel
) -> None:
    bot = Ear(has_threads=True)
    channel.receivers["ops"] = bot
    for pipeline in ("one", "two"):
        channel.finish("failed", 1, pipeline_external_id=pipeline, pipeline_name=pipeline)
    channel.deliver()
    channel.finish("succeeded", 2, pipeline_external_id="one", pipeline_name="one")
    channel.finish("failed", 1, pipeline_external_id="three", pipeline_name="three")
    assert channel.deliver() == Delivered(sent=2)
    channel.finish("succeeded", 2, pipeline_external_id="two", pipeline_name="two")
    channel.deliver()

    assert [(each.title, each.thread) for each in bot.heard] == [
        ("2 pipelines broke", None),
        ("acme/web one is fixed on main", {"ts": "1"}),
        ("acme/web three broke on main", None),
        ("acme/web two is fixed on main", {"ts": "1"}),
    ]
    boards = [each.notice.board for each in bot.heard if each.notice.board is not None]
    assert [(board.title, board.tone) for board in boards] == [
        ("1 pipeline broke, 1 is fixed", Tone.BAD),
        ("2 pipelines are fixed", Tone.GOOD),
    ]
    assert {board.thread for board in boards} == {"delivery-1"}


def test_a_thread_is_answered_once_an_interval(channel: Channel) -> None:
    bot = channel.receivers["ops"] = Ear(has_threads=True)
    channel.set(group_interval=300)
    channel.route(on=["broke", "still_failing", "fixed"])
    channel.finish("failed", 1)
    channel.deliver()
    for number in (2, 3):
        channel.finish("failed", number)
        channel.deliver()
    channel.deliver(300)

    assert bot.titles == ["acme/web ci broke on main", "acme/web ci is still failing on main"]


def a_notice(kind: NoticeKind, title: str) -> Notice:
    return Notice(kind=kind, id=0, title=title, tone=Tone.PLAIN)


def plan(channel: Channel, notice: Notice, key: str) -> None:
    with Session(channel.engine) as session, session.begin():
        plan_all(session, [Planned(receiver="ops", key=key, notice=notice)], channel.now)


def test_what_was_planned_goes_out_in_its_order_and_before_news(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    plan(channel, a_notice(NoticeKind.OPERATIONS, "jenkins is away"), key="outage:1:began")
    plan(channel, a_notice(NoticeKind.DIGEST, "Daily digest"), key="digest:ops:1")

    assert channel.deliver() == Delivered(sent=3)

    assert ops.titles == ["jenkins is away", "Daily digest", "acme/web ci broke on main"]
    assert [each.notice.id for each in ops.heard] == [1, 2, 3]


def test_one_planned_message_that_is_never_taken_does_not_hold_up_the_others(channel: Channel, ops: Ear) -> None:
    plan(channel, a_notice(NoticeKind.OPERATIONS, "jenkins is away"), key="1")
    ops.say(*[RetryLater("busy")] * 3)
    for _ in range(3):
        channel.deliver(15)
    plan(channel, a_notice(NoticeKind.OPERATIONS, "jenkins is back"), key="2")

    assert channel.deliver(6) == Delivered(sent=1)
    assert channel.rows(STATES) == [("pending",), ("sent",)]


def test_the_raw_feed_is_one_message_a_transition_in_order(channel: Channel, ops: Ear) -> None:
    channel.route(every_transition=True)
    channel.finish("failed", 1)
    ops.say(None, RetryLater("busy", 10))

    assert channel.deliver() == Delivered(sent=1, postponed=1)
    assert channel.deliver(11) == Delivered(sent=1)

    assert ops.titles == ["acme/web ci is running on main", "possible repeat: acme/web ci failed on main"]
    told = channel.rows("SELECT kind, outcome, delivery_id FROM routings ORDER BY event_pos")
    assert told == [("transition", "told", 1), ("transition", "told", 2)]


def test_planned_messages_expire_after_six_hours_with_the_reason(channel: Channel, ops: Ear) -> None:
    plan(channel, a_notice(NoticeKind.OPERATIONS, "No scheduler runs"), key="1")

    assert channel.deliver(6 * 3600 + 60) == Delivered(expired=1)

    assert ops.titles == []
    assert channel.rows("SELECT state, last_error FROM deliveries") == [("expired", "not taken within 6 h")]


def test_what_the_version_before_planned_goes_out_as_it_was_planned(channel: Channel, ops: Ear) -> None:
    message = a_message()
    with Session(channel.engine) as session, session.begin():
        session.execute(
            text("""
                INSERT INTO deliveries (receiver, kind, event_pos, build_id, attempt, message, next_try_at, created_at)
                VALUES ('ops', 'broke', 1, 7, 1, CAST(:message AS jsonb), :now, :now)
            """),
            {"message": json.dumps(to_row(message)), "now": NOW},
        )

    assert channel.deliver() == Delivered(sent=1)
    assert ops.titles == ["acme/web ci broke on main"]


@pytest.mark.parametrize("left", [(), ("other",)])
def test_what_waits_for_a_receiver_that_is_gone_expires_with_the_reason(
    channel: Channel, ops: Ear, left: tuple[str, ...]
) -> None:
    channel.finish("failed", 1)
    plan(channel, a_notice(NoticeKind.DIGEST, "Daily digest"), key="1")
    channel.receivers = dict.fromkeys(left, ops)
    channel.settings = {name: settings(name) for name in left}

    assert channel.deliver() == Delivered(), "another scheduler may know it already"
    assert channel.deliver(11 * 60) == Delivered(expired=1)

    reason = "no receiver of this name is configured any more"
    assert channel.rows("SELECT state, last_error FROM deliveries") == [("expired", reason)]
    assert channel.rows(OUTCOMES) == [("broke", "dropped", reason)]


def test_a_claim_whose_worker_died_is_taken_over_when_its_lease_ends(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    ops.before = lambda: (_ for _ in ()).throw(SystemExit())
    with pytest.raises(SystemExit):
        channel.deliver()
    ops.before = None

    assert channel.deliver(3600) == Delivered()
    channel.change("UPDATE deliveries SET lease_until = clock_timestamp() - interval '1 second'")
    assert channel.deliver() == Delivered(sent=1)

    assert ops.titles == ["possible repeat: acme/web ci broke on main"]


def test_a_worker_that_wakes_up_after_its_lease_cannot_settle(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    ops.before = lambda: channel.change("UPDATE deliveries SET fence = fence + 1")

    assert channel.deliver() == Delivered(lost=1)

    assert channel.rows("SELECT told FROM tellings") == [(None,)]
    assert channel.rows(STATES) == [("sending",)]


def test_two_workers_have_one_message_at_a_time_on_its_way(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    others: list[Delivered] = []
    ops.before = lambda: others.append(channel.deliver())

    assert channel.deliver() == Delivered(sent=1)

    assert others == [Delivered()]


def test_a_receiver_that_hangs_holds_up_neither_the_next_call_nor_the_others(channel: Channel, ops: Ear) -> None:
    goes_on = Event()
    ops.before = goes_on.wait
    calm = Ear()
    channel.receivers["calm"] = calm
    channel.set("calm")
    deliverer = Deliverer(channel.engine)

    def has_heard(count: int) -> bool:
        channel.now += timedelta(seconds=1)
        deliverer.begin(channel.receivers, channel.rules, channel.now)
        return len(calm.heard) == count

    try:
        channel.finish("failed", 1)
        wait_for(lambda: has_heard(1), 20)
        channel.finish("succeeded", 2)
        wait_for(lambda: has_heard(2), 20)
        assert ops.titles == []
    finally:
        goes_on.set()

    deliverer.finish()
    assert ops.titles == ["acme/web ci broke on main", "acme/web ci is fixed on main"]


def test_at_the_end_nobody_waits_for_a_receiver_that_no_thread_has_taken_up(channel: Channel, ops: Ear) -> None:
    goes_on = Event()
    ops.before = goes_on.wait
    for number in range(20):
        channel.receivers[f"other-{number}"] = Ear(before=goes_on.wait)
        channel.set(f"other-{number}")
    channel.finish("failed", 1)
    deliverer = Deliverer(channel.engine)
    deliverer.begin(channel.receivers, channel.rules, channel.now + timedelta(seconds=1))

    Timer(0.5, goes_on.set).start()
    asked_at = time.monotonic()
    deliverer.finish(30)

    assert time.monotonic() - asked_at < 20


def test_news_that_comes_while_a_message_is_sent_is_told_next(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    ops.before = lambda: channel.finish("succeeded", 2)

    assert channel.deliver() == Delivered(sent=2)

    assert ops.titles == ["acme/web ci broke on main", "acme/web ci is fixed on main"]


def test_no_transaction_is_open_while_a_message_is_sent(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    seen: list[int] = []
    ops.before = lambda: seen.append(channel.engine.pool.checkedout())  # type: ignore[attr-defined]

    channel.deliver()

    assert seen == [0]


def test_a_receiver_with_a_defect_is_put_off_without_telling_what_it_held(channel: Channel, ops: Ear) -> None:
    channel.finish("failed", 1)
    ops.say(KeyError("https://hooks.example.com/services/canary"))

    with capture_logs() as events:
        assert channel.deliver() == Delivered(postponed=1)

    assert "canary" not in repr(events)
    assert channel.rows("SELECT state, last_error FROM deliveries") == [
        ("pending", "the receiver failed unexpectedly (KeyError)")
    ]


def test_a_stored_message_that_cannot_be_read_is_dead(channel: Channel) -> None:
    plan(channel, a_notice(NoticeKind.DIGEST, "Daily digest"), key="1")
    channel.change("""UPDATE deliveries SET message = '{"kind": "melted"}'""")

    assert channel.deliver() == Delivered(dead=1)


def test_waits_double_from_five_seconds_to_an_hour_and_vary() -> None:
    for tries, middle in ((1, 5), (2, 10), (5, 80)):
        waits = [back_off(tries) for _ in range(200)]

        assert min(waits) >= middle * 0.8
        assert max(waits) <= middle * 1.2
        assert len(set(waits)) > 100
    assert max(back_off(10_000) for _ in range(200)) == LONGEST_WAIT_SECONDS


def test_an_idle_second_costs_few_statements(channel: Channel) -> None:
    channel.finish("failed", 1)
    channel.deliver()

    with counted_statements(channel.engine) as statements:
        channel.deliver()

    assert len(statements) <= 3
