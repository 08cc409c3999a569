"""What a receiver refuses for good costs as little as it can: no other run, and no trace that it took."""

from shared.clock import utc_now
from tests.api.serving import World, many_builds
from tests.factories import a_build
from tests.telemetry.otlp_receiver import OtlpReceiver, runs_in
from tests.telemetry.sending import AFTER_THE_WAIT, a_sender, standing


def send_all(world: World, receiver: OtlpReceiver) -> None:
    """Catch up ten times, five minutes apart, so that a failure in between is waited out."""
    sender = a_sender(world, receiver)
    for turn in range(1, 11):
        sender.catch_up(utc_now() + AFTER_THE_WAIT * 5 * turn)


def counts(world: World) -> tuple[int, int, int]:
    stands = standing(world)
    return stands["sent"], stands["dropped"], stands["metrics_dropped"]


def counted(receiver: OtlpReceiver) -> int:
    return sum(point.count for point in receiver.points("cicd.pipeline.run.duration"))


def test_one_run_that_is_refused_takes_no_other_with_it(world: World, receiver: OtlpReceiver) -> None:
    world.record(*many_builds(150))
    receiver.judge = lambda path, content: 400 if path == "/v1/traces" and "70" in runs_in(content) else 200

    send_all(world, receiver)

    assert counts(world) == (149, 1, 0)
    assert len(receiver.roots()) == counted(receiver) == 149


def test_the_error_of_the_one_run_is_kept_until_the_next_is_taken(world: World, receiver: OtlpReceiver) -> None:
    world.record(*many_builds(2))
    receiver.judge = lambda path, content: 422 if path == "/v1/traces" and "1" in runs_in(content) else 200

    send_all(world, receiver)

    assert counts(world) == (1, 1, 0)
    assert "422" in standing(world)["last_error"]


def test_a_batch_that_is_too_big_goes_in_smaller_ones_and_nothing_is_counted_twice(
    world: World, receiver: OtlpReceiver
) -> None:
    world.record(*many_builds(40))
    failures = iter([503, 503])

    def judge(path: str, content: bytes) -> int:
        if path == "/v1/traces":
            return 413 if len(runs_in(content)) > 3 else 200
        return next(failures, 200) if counted(receiver) >= 6 else 200

    receiver.judge = judge
    send_all(world, receiver)

    assert counts(world) == (40, 0, 0)
    assert len(receiver.roots()) == counted(receiver) == 40
    assert next(failures, None) is None


def test_metrics_that_are_refused_cost_no_trace_and_no_other_metrics(world: World, receiver: OtlpReceiver) -> None:
    world.record(*many_builds(20))
    world.record(a_build(external_id="bad", pipeline_external_id="bad", pipeline_name="bad"))
    receiver.judge = lambda path, content: 400 if path == "/v1/metrics" and b"bad" in content else 200

    send_all(world, receiver)

    assert counts(world) == (21, 0, 1)
    assert (len(receiver.roots()), counted(receiver)) == (21, 20)
    assert "metrics were not" in standing(world)["last_error"]


def test_where_metrics_are_always_refused_every_trace_arrives_and_that_is_told(
    world: World, receiver: OtlpReceiver
) -> None:
    world.record(*many_builds(30))
    receiver.judge = lambda path, _: 400 if path == "/v1/metrics" else 200

    send_all(world, receiver)

    assert counts(world) == (30, 0, 30)
    assert len(receiver.roots()) == 30
    assert standing(world)["last_error"].startswith("traces were taken, metrics were not: /v1/metrics was answered 400")
