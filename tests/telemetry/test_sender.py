"""What has ended reaches an OTLP receiver: as on record, once, and in spite of refusals and kills."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, text

from shared.clock import utc_now
from shared.config.telemetry import TelemetrySettings
from shared.secret import SecretSource
from telemetry.sender import Sender
from tests.api.serving import World, a_world, many_builds
from tests.factories import NOON, a_build, a_job, minutes
from tests.telemetry.otlp_receiver import OtlpReceiver, told
from tests.telemetry.sending import AFTER_THE_WAIT, catch_up, standing


def nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp()) * 1_000_000_000


def test_a_run_is_a_trace_with_its_wait_and_its_jobs_below(world: World, receiver: OtlpReceiver) -> None:
    jobs = (a_job(), a_job("failed", external_id="1001", name="lint", web_url="https://github.com/job/1001"))
    started = NOON + minutes(2)
    world.record(
        a_build(
            "failed", queued_at=NOON, started_at=started, queued_seconds=120, finished_at=NOON + minutes(7), jobs=jobs
        )
    )

    assert catch_up(world, receiver) == 1

    (root,) = receiver.roots()
    words = told(root.attributes)
    assert root.name == "RUN ci"
    assert root.kind == root.SPAN_KIND_SERVER
    assert root.status.code == root.status.STATUS_CODE_ERROR
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (nanoseconds(NOON), nanoseconds(NOON + minutes(7)))
    assert {name: words[name] for name in ("cicd.pipeline.name", "cicd.pipeline.result", "error.type")} == {
        "cicd.pipeline.name": "ci",
        "cicd.pipeline.result": "failure",
        "error.type": "failure",
    }
    assert words["cicd.pipeline.run.id"] == "100"
    assert words["cicd.pipeline.run.url.full"] == "https://github.com/acme/web/actions/runs/100"
    assert (words["vcs.ref.head.name"], words["vcs.ref.head.revision"]) == ("main", "a" * 40)
    below = {span.name: span for span in receiver.below(root)}
    assert set(below) == {"QUEUE", "test", "lint"}
    assert below["QUEUE"].end_time_unix_nano == nanoseconds(started)
    assert told(below["lint"].attributes)["cicd.pipeline.task.run.result"] == "failure"
    assert told(below["test"].attributes)["cicd.worker.name"] == "hosted-1"
    assert {span.trace_id for span in receiver.spans.values()} == {root.trace_id}
    assert receiver.services == {"build-observatory"}


def test_every_finished_attempt_on_record_is_told_of_and_nothing_else(world: World, receiver: OtlpReceiver) -> None:
    world.record(*many_builds(250), a_build("running", external_id="open"))
    world.record(a_build("failed", external_id="0", attempt=2, finished_at=NOON + minutes(30)))
    world.record(a_build(external_id="long ago"), is_backfill=True)

    sent = catch_up(world, receiver, AFTER_THE_WAIT)

    with world.engine.connect() as connection:
        on_record = {
            (row.external_id, row.number, row.status)
            for row in connection.execute(
                text(
                    "SELECT b.external_id, a.number, a.status FROM attempts a JOIN builds b ON b.id = a.build_id "
                    "WHERE a.is_finished AND b.external_id <> 'long ago'"
                )
            )
        }
    words = [told(root.attributes) for root in receiver.roots()]
    status = {"success": "succeeded", "failure": "failed"}
    assert {
        (each["cicd.pipeline.run.id"], each["observatory.attempt"], status[str(each["cicd.pipeline.result"])])
        for each in words
    } == on_record
    assert sent == len(words) == 251
    assert standing(world)["sent"] == 251
    assert catch_up(world, receiver, AFTER_THE_WAIT) == 0


def test_metrics_count_each_run_once_with_its_wait(world: World, receiver: OtlpReceiver) -> None:
    world.record(a_build(external_id="1", started_at=NOON + minutes(1), queued_seconds=60))
    world.record(a_build("timed_out", external_id="2"))
    catch_up(world, receiver, AFTER_THE_WAIT)
    # A verdict that is corrected replaces the span; the run was counted.
    world.record(a_build("failed", external_id="1", updated_at=NOON + minutes(50), started_at=NOON + minutes(1)))
    catch_up(world, receiver, AFTER_THE_WAIT)

    durations = [metric for metric in receiver.metrics if metric.name == "cicd.pipeline.run.duration"]
    points = {
        (told(point.attributes)["cicd.pipeline.run.state"], told(point.attributes).get("cicd.pipeline.result")): point
        for metric in durations
        for point in metric.histogram.data_points
    }
    assert len(durations) == 1
    assert {key: (point.count, point.sum) for key, point in points.items()} == {
        ("pending", None): (1, 60),
        ("executing", "success"): (1, 240),
        ("executing", "timeout"): (1, 300),
    }
    assert all(point.start_time_unix_nano < point.time_unix_nano for point in points.values())
    (errors,) = [metric for metric in receiver.metrics if metric.name == "cicd.pipeline.run.errors"]
    assert [point.as_int for point in errors.sum.data_points] == [1]
    results = [told(root.attributes)["cicd.pipeline.result"] for root in receiver.roots()]
    assert sorted(map(str, results)) == ["failure", "timeout"]


def test_a_run_waits_for_its_jobs_but_not_for_ever(world: World, receiver: OtlpReceiver) -> None:
    world.record(a_build(external_id="1"))
    assert catch_up(world, receiver) == 0

    world.record(a_build(external_id="1", jobs=(a_job(),)))
    assert catch_up(world, receiver) == 1
    assert [span.name for span in receiver.below(receiver.roots()[0])] == ["test"]

    world.record(a_build(external_id="2"))
    assert catch_up(world, receiver) == 0
    assert catch_up(world, receiver, AFTER_THE_WAIT) == 1


def test_what_ended_before_it_was_switched_on_is_not_sent(database: Engine, receiver: OtlpReceiver) -> None:
    world = a_world(database)
    world.record(*many_builds(3))

    assert catch_up(world, receiver, AFTER_THE_WAIT) == 0
    world.record(a_build(external_id="new"))
    assert catch_up(world, receiver, AFTER_THE_WAIT) == 1


def test_a_restored_log_that_ends_earlier_is_gone_on_with_from_its_end(world: World, receiver: OtlpReceiver) -> None:
    world.record(*many_builds(2))
    world.run("UPDATE telemetry SET pos = 1000")

    assert catch_up(world, receiver, AFTER_THE_WAIT) == 0
    world.record(a_build(external_id="new"))
    assert catch_up(world, receiver, AFTER_THE_WAIT) == 1


def test_a_refusal_is_waited_out_as_long_as_it_asks_and_nothing_is_lost(world: World, receiver: OtlpReceiver) -> None:
    world.record(*many_builds(2))
    receiver.refusals = [(503, {"Retry-After": "120"})]

    assert catch_up(world, receiver, AFTER_THE_WAIT) == 0
    refused = standing(world)
    assert catch_up(world, receiver, AFTER_THE_WAIT + timedelta(seconds=100)) == 0
    assert len(receiver.requests) == 1
    assert catch_up(world, receiver, AFTER_THE_WAIT + timedelta(seconds=130)) == 2

    assert refused["failures"] == 1
    assert "503" in refused["last_error"]
    after = standing(world)
    assert (after["failures"], after["last_error"], after["sent"]) == (0, None, 2)


def test_what_the_receiver_never_takes_is_dropped_counted_and_stops_nothing(
    world: World, receiver: OtlpReceiver
) -> None:
    world.record(a_build(external_id="1"))
    receiver.refusals = [(400, {})]
    catch_up(world, receiver, AFTER_THE_WAIT)
    dropped = standing(world)

    world.record(a_build(external_id="2"))
    catch_up(world, receiver, AFTER_THE_WAIT)

    assert (dropped["dropped"], dropped["sent"]) == (1, 0)
    assert "400" in dropped["last_error"]
    assert [told(root.attributes)["cicd.pipeline.run.id"] for root in receiver.roots()] == ["2"]


def test_spans_that_were_left_out_are_told(world: World, receiver: OtlpReceiver) -> None:
    receiver.rejects_spans = 3
    world.record(a_build())

    catch_up(world, receiver, AFTER_THE_WAIT)

    assert standing(world)["last_error"] == "3 spans were left out: too old"


def test_a_sender_killed_before_it_settled_tells_the_same_spans_again(world: World, receiver: OtlpReceiver) -> None:
    world.record(*many_builds(3))
    # As a kill leaves it: the turn is taken, the spans are sent, the position is where it was.
    before = standing(world)
    catch_up(world, receiver, AFTER_THE_WAIT)
    told_once = dict(receiver.spans)
    world.run(
        "UPDATE telemetry SET pos = :pos, lease_until = :until",
        pos=before["pos"],
        until=utc_now() + timedelta(seconds=60),
    )

    assert catch_up(world, receiver) == 0
    assert catch_up(world, receiver, AFTER_THE_WAIT) == 3
    assert receiver.spans == told_once


def test_headers_prove_who_we_are_and_metrics_can_be_left_out(world: World, receiver: OtlpReceiver) -> None:
    world.record(a_build())
    secret = SecretSource(env="OTEL", environ={"OTEL": "authorization=Bearer abc, x-scope=ci"})

    catch_up(world, receiver, AFTER_THE_WAIT, headers=secret, metrics=False, service_name="our-ci")

    ((path, headers),) = receiver.requests
    assert (path, headers["authorization"], headers["x-scope"]) == ("/v1/traces", "Bearer abc", "ci")
    assert receiver.services == {"our-ci"}


def test_a_receiver_that_is_away_is_tried_ever_more_rarely(world: World) -> None:
    with OtlpReceiver() as receiver:
        pass
    world.record(a_build())

    pauses = []
    now = utc_now() + AFTER_THE_WAIT
    for _ in range(3):
        Sender(world.engine, TelemetrySettings(endpoint=receiver.url), receiver.url).catch_up(now)
        pauses.append(round((standing(world)["next_try_at"] - now).total_seconds()))
        now = standing(world)["next_try_at"]

    assert pauses == [5, 10, 20]
    assert standing(world)["failures"] == 3
