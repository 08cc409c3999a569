"""Delivery over real commits and a real socket: retries, refusals, expiry, fences, order, several receivers."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from alerts.deliver import LONGEST_WAIT_SECONDS, Delivered, back_off, deliver_pending
from alerts.deliveries import State, claim, settle
from alerts.message import Message
from alerts.plan import catch_up
from tests.alerts.history import History, a_run, deliveries
from tests.alerts.receivers.slack import SlackStand
from tests.alerts.stand import Said
from tests.factories import NOON, minutes

NOW = NOON + minutes(10)


class Channel:
    """One database, one Slack channel called `ops`, and whatever else a test adds."""

    def __init__(self, engine: Engine, slack: SlackStand) -> None:
        self.engine = engine
        self.slack = slack
        self.receivers: dict[str, Any] = {"ops": slack.receiver()}
        with Session(engine) as session, session.begin():
            self.history = History(session)

    def finish(self, status: str, number: int = 1, **overrides: Any) -> None:
        with Session(self.engine) as session, session.begin():
            self.history.session = session
            self.history.finish(status, number, **overrides)
        catch_up(self.engine, list(self.receivers), NOW)

    def deliver(self, now: datetime = NOW) -> Delivered:
        return deliver_pending(self.engine, self.receivers, now)

    def rows(self, *columns: str) -> Sequence[tuple[Any, ...]]:
        with Session(self.engine) as session:
            return deliveries(session, *columns)

    def change(self, statement: str) -> None:
        with Session(self.engine) as session, session.begin():
            session.execute(text(statement))


@pytest.fixture
def slack() -> Iterator[SlackStand]:
    with SlackStand() as slack:
        yield slack


@pytest.fixture
def channel(database: Engine, slack: SlackStand) -> Channel:
    return Channel(database, slack)


def test_a_break_and_its_fix_arrive_in_order_and_only_once(channel: Channel, slack: SlackStand) -> None:
    channel.finish("failed", 1)
    channel.finish("succeeded", 2)

    assert channel.deliver() == Delivered(sent=2)
    assert channel.deliver() == Delivered()

    assert slack.titles == ["acme/web ci broke on main", "acme/web ci is fixed on main"]
    assert channel.rows("state", "tries", "last_error", "lease_until") == [("sent", 1, None, None)] * 2


@pytest.mark.parametrize("branches", [(None, None), ("main", None), (None, "main")])
def test_a_build_without_a_branch_is_of_the_default_one(
    channel: Channel, slack: SlackStand, branches: tuple[str | None, str | None]
) -> None:
    channel.finish("failed", 1, branch=branches[0])
    channel.finish("succeeded", 2, branch=branches[1])

    assert channel.deliver() == Delivered(sent=2)
    assert [title.removesuffix(" on main") for title in slack.titles] == ["acme/web ci broke", "acme/web ci is fixed"]


def test_what_could_not_be_taken_is_tried_again_and_says_so(channel: Channel, slack: SlackStand) -> None:
    channel.finish("failed")
    slack.say(Said(500, "rollup_error"))

    assert channel.deliver() == Delivered(postponed=1)
    assert channel.deliver(NOW + timedelta(seconds=3)) == Delivered()
    assert channel.deliver(NOW + timedelta(seconds=12)) == Delivered(sent=1)

    assert slack.titles == ["possible repeat: acme/web ci broke on main"]


def test_a_message_taken_without_an_answer_arrives_twice_and_says_so(channel: Channel, slack: SlackStand) -> None:
    channel.finish("failed")
    slack.take_and_reset()

    channel.deliver()
    channel.deliver(NOW + timedelta(seconds=12))

    assert slack.titles == ["acme/web ci broke on main", "possible repeat: acme/web ci broke on main"]


def test_retry_after_rests_the_whole_receiver(channel: Channel, slack: SlackStand) -> None:
    for pipeline in ("p/1", "p/2", "p/3"):
        channel.finish("failed", pipeline_external_id=pipeline)
    slack.say(Said(429, "rate_limited", {"Retry-After": "30"}))

    assert channel.deliver() == Delivered(postponed=1)
    assert channel.deliver(NOW + timedelta(seconds=29)) == Delivered()
    assert channel.deliver(NOW + timedelta(seconds=40)) == Delivered(sent=3)

    assert len(slack.titles) == 3


def test_one_message_that_is_never_taken_does_not_hold_up_the_others(channel: Channel, slack: SlackStand) -> None:
    channel.finish("failed", pipeline_external_id="p/1")
    slack.say(*[Said(500)] * 3)
    for seconds in (0, 10, 30):
        channel.deliver(NOW + timedelta(seconds=seconds))
    channel.finish("failed", pipeline_external_id="p/2")

    assert channel.deliver(NOW + timedelta(seconds=40)) == Delivered(sent=1)
    assert channel.rows("state") == [("pending",), ("sent",)]


@pytest.mark.parametrize("said", [Said(404, "no_service"), Said(410), Said(403, "invalid_token")])
def test_a_receiver_that_refuses_for_good_is_dead_counted_and_told(
    channel: Channel, slack: SlackStand, said: Said
) -> None:
    channel.finish("failed")
    slack.say(said)

    with capture_logs() as events:
        delivered = channel.deliver()

    assert delivered == Delivered(dead=1)
    [(state, error)] = channel.rows("state", "last_error")
    assert state == "dead"
    assert "create a new one" in error
    [refused] = [entry for entry in events if entry["event"] == "refused"]
    assert (refused["log_level"], refused["receiver"], refused["reason"]) == ("error", "ops", error)
    assert slack.secret not in repr(events)


def test_blocks_that_cannot_be_read_go_out_as_plain_text_and_then_die(channel: Channel, slack: SlackStand) -> None:
    channel.finish("failed", pipeline_external_id="p/1")
    channel.finish("failed", pipeline_external_id="p/2")
    slack.say(Said(400, "invalid_blocks"))
    slack.say(*[Said(200, "ok")], *[Said(400, "invalid_payload")] * 2)

    assert channel.deliver() == Delivered(sent=1, dead=1)


def test_a_recovery_waits_until_its_failure_is_settled(channel: Channel, slack: SlackStand) -> None:
    channel.finish("failed", 1)
    channel.finish("succeeded", 2)
    channel.finish("failed", 1, pipeline_external_id="p/2", pipeline_name="other")
    slack.say(Said(500), Said(500))

    for seconds in (0, 7, 14):
        channel.deliver(NOW + timedelta(seconds=seconds))
    assert slack.titles == ["acme/web other broke on main"]
    channel.deliver(NOW + timedelta(seconds=30))

    assert slack.titles[1:] == ["possible repeat: acme/web ci broke on main", "acme/web ci is fixed on main"]


def test_a_recovery_is_not_sent_to_a_receiver_that_never_got_the_failure(channel: Channel, slack: SlackStand) -> None:
    channel.finish("failed", 1)
    slack.say(Said(404, "no_service"))
    channel.deliver()
    channel.finish("succeeded", 2)

    assert channel.deliver() == Delivered(expired=1)
    assert channel.rows("kind", "state", "last_error")[1] == (
        "fixed",
        "expired",
        "its failure was not delivered to this receiver",
    )


def test_a_recovery_finds_the_failure_that_an_older_version_planned(channel: Channel, slack: SlackStand) -> None:
    channel.finish("failed", 1)
    channel.change("UPDATE deliveries SET incident_id = NULL")
    channel.finish("succeeded", 2)

    assert channel.deliver() == Delivered(sent=2)
    assert slack.titles == ["acme/web ci broke on main", "acme/web ci is fixed on main"]


def test_a_recovery_waits_for_its_failure_though_the_default_branch_has_another_name_since(
    channel: Channel, slack: SlackStand
) -> None:
    channel.finish("failed", 1, branch="main")
    channel.finish("succeeded", 2, branch=None)
    channel.change("UPDATE pipelines SET default_branch = 'trunk'")
    slack.say(Said(500), Said(500))

    for seconds in (0, 7, 14):
        channel.deliver(NOW + timedelta(seconds=seconds))
    assert slack.titles == []
    channel.deliver(NOW + timedelta(seconds=30))

    assert slack.titles == ["possible repeat: acme/web ci broke on main", "acme/web ci is fixed"]


def test_news_older_than_six_hours_expires_with_the_reason(channel: Channel, slack: SlackStand) -> None:
    channel.finish("failed")

    with capture_logs() as events:
        delivered = channel.deliver(NOON + minutes(6) + timedelta(hours=6, minutes=1))

    assert delivered == Delivered(expired=1)
    assert slack.titles == []
    assert channel.rows("state", "last_error") == [("expired", "not taken within 6 h of the build's finish")]
    assert [entry["event"] for entry in events if entry["log_level"] == "warning"] == ["expired"]


@pytest.mark.parametrize("left", [(), ("other",)])
def test_what_waits_for_a_receiver_that_is_gone_expires_with_the_reason(
    channel: Channel, slack: SlackStand, left: tuple[str, ...]
) -> None:
    channel.finish("failed")
    channel.receivers = {name: slack.receiver() for name in left}

    assert channel.deliver() == Delivered(), "another scheduler may know it already"
    assert channel.deliver(NOW + minutes(11)) == Delivered(expired=1)
    assert channel.rows("state", "last_error") == [("expired", "no receiver of this name is configured any more")]


def test_a_claim_whose_worker_died_is_taken_over_when_its_lease_ends(channel: Channel, slack: SlackStand) -> None:
    channel.finish("failed")
    with Session(channel.engine) as session, session.begin():
        assert claim(session, "ops", NOW) is not None

    assert channel.deliver(NOW + minutes(60)) == Delivered()
    channel.change("UPDATE deliveries SET lease_until = clock_timestamp() - interval '1 second'")
    assert channel.deliver() == Delivered(sent=1)

    assert slack.titles == ["possible repeat: acme/web ci broke on main"]


def test_a_worker_that_wakes_up_after_its_lease_cannot_settle(channel: Channel) -> None:
    channel.finish("failed")
    with Session(channel.engine) as session, session.begin():
        stale = claim(session, "ops", NOW, lease=timedelta(seconds=-1))
    with Session(channel.engine) as session, session.begin():
        fresh = claim(session, "ops", NOW)
    assert stale is not None
    assert fresh is not None

    with Session(channel.engine) as session, session.begin():
        assert not settle(session, stale, State.DEAD, NOW, error="late", next_try_at=NOW)
        assert settle(session, fresh, State.SENT, NOW, error=None, next_try_at=NOW)

    assert channel.rows("state", "fence", "last_error") == [("sent", 2, None)]


def test_no_transaction_is_open_while_a_message_is_sent(channel: Channel) -> None:
    channel.finish("failed")
    seen: list[int] = []

    class Watching:
        def send(self, message: Message, *, is_possible_repeat: bool) -> None:  # noqa: ARG002
            seen.append(channel.engine.pool.checkedout())  # type: ignore[attr-defined]

    channel.receivers = {"ops": Watching()}
    channel.deliver()

    assert seen == [0]


def test_a_receiver_that_hangs_holds_up_nobody_else(database: Engine) -> None:
    with ExitStack() as stack:
        slow, fast = (stack.enter_context(SlackStand()) for _ in range(2))
        channel = Channel(database, slow)
        channel.receivers = {"slow": slow.receiver(deadline_seconds=1.5), "fast": fast.receiver()}
        channel.finish("failed", pipeline_external_id="p/1")
        channel.finish("failed", pipeline_external_id="p/2")
        slow.hang()
        taken_meanwhile: list[int] = []

        class Counting:
            def send(self, message: Message, *, is_possible_repeat: bool) -> None:
                try:
                    slow.receiver(deadline_seconds=1.5).send(message, is_possible_repeat=is_possible_repeat)
                finally:
                    taken_meanwhile.append(len(fast.taken))

        channel.receivers["slow"] = Counting()
        assert channel.deliver() == Delivered(sent=2, postponed=1)
        assert taken_meanwhile == [2]


def test_a_receiver_with_a_defect_is_put_off_without_telling_what_it_held(channel: Channel) -> None:
    class Broken:
        def send(self, message: Message, *, is_possible_repeat: bool) -> None:  # noqa: ARG002
            raise KeyError("https://hooks.example.com/services/canary")

    channel.finish("failed")
    channel.receivers = {"ops": Broken()}

    with capture_logs() as events:
        assert channel.deliver() == Delivered(postponed=1)

    assert "canary" not in repr(events)
    assert channel.rows("state", "last_error") == [("pending", "the receiver failed unexpectedly (KeyError)")]


def test_a_stored_message_that_cannot_be_read_is_dead(channel: Channel) -> None:
    channel.finish("failed")
    channel.change("""UPDATE deliveries SET message = '{"kind": "melted"}'""")

    assert channel.deliver() == Delivered(dead=1)


def test_waits_double_from_five_seconds_to_an_hour_and_vary() -> None:
    for tries, middle in ((1, 5), (2, 10), (5, 80)):
        waits = [back_off(tries) for _ in range(200)]

        assert min(waits) >= middle * 0.8
        assert max(waits) <= middle * 1.2
        assert len(set(waits)) > 100
    assert max(back_off(10_000) for _ in range(200)) == LONGEST_WAIT_SECONDS


def test_a_claim_reads_each_waiting_delivery_once_and_nothing_of_the_past(channel: Channel) -> None:
    with Session(channel.engine) as session, session.begin():
        channel.history.session = session
        channel.history.see(*[a_run(1, "failed", pipeline_external_id=f"p/{n}") for n in range(300)])
    catch_up(channel.engine, ["ops"], NOW)
    channel.change("""
        INSERT INTO deliveries (receiver, kind, event_pos, build_id, attempt, state, message)
        SELECT 'ops', 'broke', 1000 + n, build_id, 1, 'sent', '{}'
        FROM (SELECT min(build_id) AS build_id FROM deliveries) d, generate_series(1, 20000) n
    """)
    channel.change("ANALYZE deliveries, builds")

    with Session(channel.engine) as session:
        statements: list[str] = []
        event.listen(session.connection(), "before_execute", lambda _c, clause, *_: statements.append(str(clause)))
        claim(session, "ops", NOW)
        session.rollback()
        given = {"receiver": "ops", "now": NOW, "lease": timedelta(seconds=60)}
        [plan] = session.scalars(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statements[0]}"), given).one()

    assert 300 <= rows_read(plan["Plan"]) <= 300 * 6


def rows_read(node: dict[str, Any]) -> float:
    """What the scans of a plan looked at, those they threw away included."""
    own = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    is_scan = "Scan" in node["Node Type"] or "Rows Removed by Join Filter" in node
    return (own * node["Actual Loops"] if is_scan else 0) + sum(map(rows_read, node.get("Plans", [])))
