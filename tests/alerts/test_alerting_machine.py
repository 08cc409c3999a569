"""Whatever happens to builds, receivers, workers and rules: in the end each receiver knows how things stand."""

from datetime import timedelta

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine

from alerts.grouping import NOTHING_NEW, ROUTE_CHANGED
from shared.errors import ReceiverGone, RetryLater
from tests.alerts.channel import Channel, Ear
from tests.alerts.crew import SAID_BY
from tests.alerts.history import a_run
from tests.factories import minutes

PIPELINES = ("p0", "p1", "p2")
NAMES = st.sampled_from(("ops", "bot"))

EMPTY = """
    TRUNCATE instances, sources, pipelines, repositories, builds, attempts, jobs, events, incidents, verdicts, cursors,
        deliveries, delivery_items, tellings, threads, receiver_states, decisions, routings, silences, outages CASCADE
"""

UNMATCHED = "SELECT incident_id FROM decisions WHERE unmatched IS NOT NULL"

LAST_ROUTINGS = """
    SELECT DISTINCT ON (receiver, incident_id) receiver, incident_id, outcome, reason FROM routings
    WHERE outcome <> 'suppressed' ORDER BY receiver, incident_id, event_pos DESC
"""


class Killed(BaseException):
    """The worker dies here, as far as the code under test can tell."""


class Alerting(RuleBasedStateMachine):
    """Three pipelines, one receiver with threads and one without, and everything that can go wrong on the way."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.ears = {"ops": Ear(), "bot": Ear(has_threads=True)}
        with engine.begin() as connection:
            connection.exec_driver_sql(EMPTY)
        self.channel = Channel(engine, self.ears["ops"])
        self.channel.receivers = dict(self.ears)
        self.began = self.channel.now
        self.builds = self.repairs = 0
        self.is_good = dict.fromkeys(PIPELINES, True)
        for name in self.ears:
            self.channel.set(name, group_wait=20, group_interval=60)
        self.use_route(PIPELINES)

    def use_route(self, pipelines: tuple[str, ...]) -> None:
        self.channel.route(receivers=tuple(self.ears), pipeline=pipelines, repeat_every=3600)

    @rule(pipeline=st.sampled_from(PIPELINES))
    def fail(self, pipeline: str) -> None:
        self.build(pipeline, is_good=False)

    @rule(pipeline=st.sampled_from(PIPELINES))
    def turn(self, pipeline: str) -> None:
        """What works breaks, what is broken is fixed."""
        self.turn_now(pipeline)

    def build(self, pipeline: str, *, is_good: bool) -> None:
        self.builds += 1
        self.is_good[pipeline] = is_good
        self.channel.now += timedelta(seconds=1)
        self.channel.record_all(
            a_run(
                self.builds,
                "succeeded" if is_good else "failed",
                pipeline_external_id=pipeline,
                pipeline_name=pipeline,
                queued_at=self.channel.now - minutes(5),
            )
        )

    @precondition(lambda self: self.channel.now < self.began + timedelta(hours=3))
    @rule(seconds=st.sampled_from((1, 61, 300, 1800)))
    def tick(self, seconds: int) -> None:
        self.channel.tick(seconds)

    @rule(name=NAMES, pipeline=st.sampled_from(PIPELINES))
    def turn_while_sending(self, name: str, pipeline: str) -> None:
        """It turns, and turns back while the message about it is on its way."""

        def meanwhile() -> None:
            self.ears[name].before = None
            self.turn_now(pipeline)
            self.channel.plan()
            came.append(pipeline)

        came: list[str] = []
        self.turn_now(pipeline)
        self.ears[name].before = meanwhile
        self.channel.tick(61)
        assert came or self.ears[name].before, "the build could not come"
        self.ears[name].before = None

    @rule(name=NAMES, pipeline=st.sampled_from(PIPELINES), is_taken=st.booleans())
    def postpone(self, name: str, pipeline: str, is_taken: bool) -> None:
        self.turn_now(pipeline)
        self.answer(name, RetryLater("busy", 10), is_taken=is_taken)

    @rule(name=NAMES, pipeline=st.sampled_from(PIPELINES))
    def refuse(self, name: str, pipeline: str) -> None:
        self.turn_now(pipeline)
        self.answer(name, ReceiverGone("deleted"))

    @rule(name=NAMES)
    def repair(self, name: str) -> None:
        self.repairs += 1
        self.channel.set(name, group_wait=20, group_interval=60, digest_at=f"{self.repairs % 24:02}:00")

    @rule(name=NAMES, pipeline=st.sampled_from(PIPELINES), is_taken=st.booleans())
    def die(self, name: str, pipeline: str, is_taken: bool) -> None:
        self.turn_now(pipeline)
        try:
            self.answer(name, Killed(), is_taken=is_taken)
        except Killed:
            self.channel.change("UPDATE deliveries SET lease_until = clock_timestamp() - interval '1 second'")

    def turn_now(self, pipeline: str) -> None:
        self.build(pipeline, is_good=not self.is_good[pipeline])
        self.channel.plan()

    def answer(self, name: str, error: BaseException, *, is_taken: bool = False) -> None:
        """Have the next message to a receiver end so, if there is one."""
        ear = self.ears[name]
        ear.say(error)
        ear.takes_what_it_refuses = is_taken
        try:
            self.channel.tick(61)
        finally:
            ear.answers.clear()
            ear.takes_what_it_refuses = False

    @rule(count=st.sampled_from((2, 30)))
    def silence(self, count: int) -> None:
        self.channel.silence(self.channel.now + minutes(count), pipeline="p0")

    @rule(pipelines=st.sampled_from((PIPELINES, PIPELINES[:2])))
    def edit(self, pipelines: tuple[str, ...]) -> None:
        self.use_route(pipelines)

    def teardown(self) -> None:
        """Everything heals, and after a while nothing is left to say."""
        self.use_route(PIPELINES)
        for name in self.ears:
            self.channel.set(name, group_wait=20, group_interval=60, operations=False)
        for _ in range(8):
            self.channel.tick(61)
        self.channel.tick(1800)
        for _ in range(4):
            self.channel.tick(61)

        assert self.channel.rows("SELECT state FROM deliveries WHERE state IN ('pending', 'sending')") == []
        assert self.channel.rows("SELECT 1 FROM routings WHERE outcome IN ('queued', 'held')") == []
        for name, ear in self.ears.items():
            self.check_what_it_knows(name, ear)
            check_labels(ear)

    def check_what_it_knows(self, name: str, ear: Ear) -> None:
        """What it heard last of an incident is how it stands, unless the rules were other ones at a change of it."""
        stands = dict(self.channel.rows("SELECT id, fixed_at IS NULL FROM incidents"))
        heard: dict[int, bool] = {}
        for each in ear.heard:
            for message in each.notice.messages:
                assert message.incident_id is not None
                assert message.kind != "fixed" or message.incident_id in heard, "a fix of what was never told"
                heard[message.incident_id] = message.kind not in ("fixed", "recovered")
        excused = {incident for [incident] in self.channel.rows(UNMATCHED)}
        for receiver, incident, outcome, reason in self.channel.rows(LAST_ROUTINGS):
            if receiver != name or incident in excused or reason == ROUTE_CHANGED:
                continue
            if outcome == "told" or reason == NOTHING_NEW:
                assert heard[incident] == stands[incident], (name, incident)
            else:
                assert (outcome, reason) == ("dropped", "silenced by ada: the move")
                assert incident not in heard
                assert not stands[incident]


def check_labels(ear: Ear) -> None:
    """What was said before is never said again without the label."""
    said: set[tuple[int | None, str]] = set()
    for each in ear.heard:
        changes = {(message.incident_id, word) for message in each.notice.messages for word in SAID_BY[message.kind]}
        assert each.is_possible_repeat or said.isdisjoint(changes), each.title
        said |= changes


@pytest.mark.timeout(400)  # fifteen lives of twenty steps, each on a real database
def test_in_the_end_every_receiver_knows_how_things_stand(database: Engine) -> None:
    class OnThisDatabase(Alerting):
        def __init__(self) -> None:
            super().__init__(database)

    run_state_machine_as_test(
        OnThisDatabase,
        settings=hypothesis_settings(max_examples=15, stateful_step_count=20, deadline=None, derandomize=True),
    )
