"""Open runs are told once a minute, and the last nought whoever told before."""

from datetime import datetime, timedelta

from shared.clock import utc_now
from tests.api.serving import World
from tests.factories import a_build, minutes
from tests.telemetry.otlp_receiver import OtlpReceiver, told
from tests.telemetry.sending import a_sender


def heard(receiver: OtlpReceiver) -> list[dict[object, int]]:
    """Each telling: how many runs are said to be open, by state."""
    return [
        {told(point.attributes)["cicd.pipeline.run.state"]: point.as_int for point in metric.sum.data_points}
        for metric in receiver.metrics
    ]


def end(world: World, *runs: str, at: datetime) -> None:
    world.record(*(a_build(external_id=run, queued_at=at, finished_at=at, updated_at=at + minutes(1)) for run in runs))


def test_open_runs_are_told_once_a_minute_and_once_more_when_there_are_none(
    world: World, receiver: OtlpReceiver
) -> None:
    sender, now = a_sender(world, receiver), utc_now()
    world.record(a_build("running", external_id="1", queued_at=now), a_build("queued", external_id="2", queued_at=now))

    sender.tell_active(now)
    sender.tell_active(now + timedelta(seconds=30))
    end(world, "1", "2", at=now)
    sender.tell_active(now + timedelta(seconds=61))
    sender.tell_active(now + timedelta(seconds=122))

    assert {metric.name for metric in receiver.metrics} == {"cicd.pipeline.run.active"}
    assert heard(receiver) == [{"pending": 1, "executing": 1}, {"pending": 0, "executing": 0}]


def test_another_scheduler_tells_that_no_run_is_open_any_more(world: World, receiver: OtlpReceiver) -> None:
    now = utc_now()
    world.record(a_build("running", external_id="1", queued_at=now))
    a_sender(world, receiver).tell_active(now)
    end(world, "1", at=now)

    for minute in (1, 2):
        a_sender(world, receiver).tell_active(now + minutes(minute))

    assert heard(receiver) == [{"executing": 1}, {"executing": 0}]


def test_a_nought_that_was_not_taken_is_told_the_next_minute(world: World, receiver: OtlpReceiver) -> None:
    sender, now = a_sender(world, receiver), utc_now()
    world.record(a_build("running", external_id="1", queued_at=now))
    sender.tell_active(now)
    end(world, "1", at=now)
    receiver.refusals = [(503, {})]

    for minute in (1, 2, 3):
        sender.tell_active(now + minutes(minute))

    assert heard(receiver) == [{"executing": 1}, {"executing": 0}]


def test_a_run_that_waits_for_somebody_is_pending(world: World, receiver: OtlpReceiver) -> None:
    now = utc_now()
    world.record(a_build("blocked", external_id="1", queued_at=now), a_build("queued", external_id="2", queued_at=now))

    a_sender(world, receiver).tell_active(now)

    assert heard(receiver) == [{"pending": 2}]
