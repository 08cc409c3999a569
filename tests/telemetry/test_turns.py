"""Of two schedulers one sends at a time, however long it takes."""

from datetime import timedelta

from shared.clock import utc_now
from telemetry.otlp import DEADLINE_SECONDS
from tests.api.serving import World, many_builds
from tests.telemetry.otlp_receiver import OtlpReceiver
from tests.telemetry.sending import AFTER_THE_WAIT, a_sender, standing

SLOW_SECONDS = 25.0
"""What each request takes in these tests, by the sender's clock: more than it ever may."""


def test_a_second_scheduler_sends_nothing_while_the_first_takes_its_time(world: World, receiver: OtlpReceiver) -> None:
    world.record(*many_builds(500))
    begun, passed = utc_now() + AFTER_THE_WAIT, [0.0]
    second = a_sender(world, receiver)
    leases: list[timedelta] = []
    sent_by_second: list[int] = []

    def judge(*_: object) -> int:
        now = begun + timedelta(seconds=passed[0])
        leases.append(standing(world)["lease_until"] - now)
        receiver.judge = lambda *_: 200
        sent_by_second.append(second.catch_up(now + timedelta(seconds=DEADLINE_SECONDS)))
        receiver.judge = judge
        passed[0] += SLOW_SECONDS
        return 200

    receiver.judge = judge
    sent = a_sender(world, receiver).catch_up(begun, lambda: passed[0])

    assert sent == standing(world)["sent"] == 500
    assert sent_by_second == [0] * 10
    assert min(leases) > timedelta(seconds=2 * SLOW_SECONDS)


def test_who_has_lost_the_turn_sends_and_settles_nothing_more(world: World, receiver: OtlpReceiver) -> None:
    world.record(*many_builds(3))

    def judge(*_: object) -> int:
        world.run("UPDATE telemetry SET fence = fence + 1")  # as a second scheduler takes it, after a standstill
        return 200

    receiver.judge = judge
    before = standing(world)
    sent = a_sender(world, receiver).catch_up(utc_now() + AFTER_THE_WAIT)

    assert (sent, [path for path, _ in receiver.requests]) == (0, ["/v1/traces"])
    after = standing(world)
    assert (after["pos"], after["sent"], after["failures"]) == (before["pos"], 0, 0)
