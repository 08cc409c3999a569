"""A run counts once in the metrics, at its first verdict, however often it is opened again."""

from datetime import datetime

from shared.observation import Observation, latest_first
from shared.status import FINISHED, Status
from tests.api.serving import World
from tests.factories import NOON, a_build, minutes
from tests.telemetry.otlp_receiver import OtlpReceiver, told
from tests.telemetry.sending import AFTER_THE_WAIT, catch_up


def seen(status: str, at: datetime) -> Observation:
    """A run as a provider whose runs may open again says it stands at this instant."""
    is_finished = status in FINISHED
    finished_at = at if is_finished else None
    return a_build(status, finished_at=finished_at, merge_key=latest_first(is_finished, at, Status(status)))


def results(receiver: OtlpReceiver) -> list[tuple[object, int, float]]:
    points = receiver.points("cicd.pipeline.run.duration")
    return [(told(point.attributes)["cicd.pipeline.result"], point.count, point.sum) for point in points]


def test_a_run_whose_manual_job_is_played_is_counted_at_its_first_verdict(world: World, receiver: OtlpReceiver) -> None:
    world.record(seen("succeeded", NOON + minutes(5)))
    catch_up(world, receiver, AFTER_THE_WAIT)
    world.record(seen("running", NOON + minutes(10)))
    world.record(seen("failed", NOON + minutes(20)))
    catch_up(world, receiver, AFTER_THE_WAIT)

    assert results(receiver) == [("success", 1, 300)]
    assert receiver.points("cicd.pipeline.run.errors") == []
    (root,) = receiver.roots()
    assert told(root.attributes)["cicd.pipeline.result"] == "failure"


def test_a_run_that_was_opened_again_before_it_was_told_is_counted_as_it_had_ended(
    world: World, receiver: OtlpReceiver
) -> None:
    world.record(seen("failed", NOON + minutes(5)))
    world.record(seen("running", NOON + minutes(10)))
    catch_up(world, receiver, AFTER_THE_WAIT)
    world.record(seen("succeeded", NOON + minutes(20)))
    catch_up(world, receiver, AFTER_THE_WAIT)

    assert results(receiver) == [("failure", 1, 300)]
    assert [point.as_int for point in receiver.points("cicd.pipeline.run.errors")] == [1]
    (root,) = receiver.roots()
    assert told(root.attributes)["cicd.pipeline.result"] == "success"


def test_another_attempt_counts_by_itself(world: World, receiver: OtlpReceiver) -> None:
    world.record(a_build("failed"))
    world.record(a_build(attempt=2, finished_at=NOON + minutes(30)))
    catch_up(world, receiver, AFTER_THE_WAIT)

    assert {result for result, *_ in results(receiver)} == {"failure", "success"}
