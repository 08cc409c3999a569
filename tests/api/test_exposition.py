"""What Prometheus reads: true, bounded in labels and in work."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from api.exposition import exposition
from shared.clock import utc_now
from shared.keys import Scope
from shared.metrics.ever import bin_of
from shared.metrics.fold import fold
from shared.metrics.histogram import BIN_SQL
from shared.observation import Observation
from tests.api.serving import World, a_world, many_builds, serve, statements
from tests.factories import NOON, a_build, minutes

CI = (("pipeline", "acme/web / ci"), ("project", "default"), ("provider", "github"))
OTHERS = (("pipeline", "(others)"), ("project", "(others)"), ("provider", "github"))
SUCCEEDED, FAILED = ("result", "succeeded"), ("result", "failed")

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(told: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(told)
        for sample in family.samples
    }


def collected(engine: Engine, most_pipelines: int = 1000) -> Samples:
    with Session(engine) as session:
        return samples(exposition(session, folder=Path("/"), most_pipelines=most_pipelines)[0].decode())


def counts(found: Samples, name: str = "observatory_pipeline_builds") -> dict[tuple[str, str], float]:
    """By pipeline and result."""
    told = [(dict(labels), value) for (each, labels), value in found.items() if each == name]
    return {(labels["pipeline"], labels["result"]): value for labels, value in told}


def test_prometheus_reads_what_is_on_record(world: World) -> None:
    world.record(*many_builds(4), a_build("failed", external_id="f", queued_at=NOON + minutes(50)))
    world.record(a_build("running", external_id="b", branch="feature", queued_at=utc_now()))
    world.run("INSERT INTO credentials (fingerprint, instance_id, remaining) VALUES ('abc', 1, 42)")
    world.run("INSERT INTO processes (id, kind, host, pid, version) VALUES ('s', 'scheduler', 'build1', 7, '0')")

    answer = serve(world.engine).get("/metrics")

    found = samples(answer.text)
    on_main = (*CI, ("ref", "main"))
    assert found["observatory_pipeline_last_run_status", (*on_main, ("status", "failed"))] == 1
    assert found["observatory_pipeline_last_run_duration_seconds", on_main] == 300
    assert counts(found) == {("acme/web / ci", "succeeded"): 4, ("acme/web / ci", "failed"): 1}
    assert counts(found, "observatory_pipeline_first_tries") == counts(found)
    assert found["observatory_pipelines_folded", ()] == 0
    assert found["cicd_pipeline_run_active", (("provider", "github"), ("status", "running"))] == 1
    source = (("instance", "github.com"), ("provider", "github"), ("scope", "acme/web"))
    assert found["observatory_source_stale", source] == 0
    assert (
        found["observatory_collector_rate_limit_remaining", (("credential", "abc"), ("instance", "github.com"))] == 42
    )
    assert found["observatory_events_head", ()] == world.ask("SELECT max(pos) FROM events")
    assert found["observatory_host_memory_bytes", ()] > 0
    assert found["process_resident_memory_bytes", ()] > 0
    assert not [labels for _, labels in found if ("ref", "feature") in labels]


def test_openmetrics_is_served_to_who_asks_for_it(world: World) -> None:
    world.record(*many_builds(2))
    accept = {"Accept": "application/openmetrics-text;version=1.0.0"}

    answer = serve(world.engine).get("/metrics", headers=accept)

    assert answer.content_type.startswith("application/openmetrics-text")
    families = {family.name: family for family in parse_openmetrics(answer.text)}  # type: ignore[no-untyped-call]
    assert [sample.value for sample in families["observatory_pipeline_builds"].samples] == [2]
    assert families["observatory_pipeline_builds"].type == "gauge"


def test_two_pipelines_of_one_name_do_not_spoil_the_scrape(world: World) -> None:
    world.record(
        a_build(external_id="1", pipeline_external_id="1/1"),
        a_build("failed", external_id="2", pipeline_external_id="1/2", queued_at=NOON + minutes(1)),
    )

    found = collected(world.engine)

    newest = [dict(labels)["status"] for name, labels in found if name == "observatory_pipeline_last_run_status"]
    assert newest == ["failed"]
    assert counts(found) == {("acme/web / ci", "succeeded"): 1, ("acme/web / ci", "failed"): 1}


def told_of(found: Samples, family: str) -> list[dict[str, str]]:
    """The labels that a family of the newest build has beside those of its pipeline."""
    return [
        {name: value for name, value in labels if name in {"ref", "status"}}
        for each, labels in found
        if each == f"observatory_pipeline_{family}"
    ]


def test_without_a_known_default_branch_no_branch_is_a_label(world: World) -> None:
    world.record(a_build("failed", default_branch=None, branch="feature/x"))

    found = collected(world.engine)

    assert told_of(found, "last_run_status") == [{"ref": "", "status": "failed"}]
    assert told_of(found, "last_verdict") == [{"ref": "", "status": "failed"}]


def test_where_a_pipeline_does_not_know_the_repository_says_its_default_branch(world: World) -> None:
    world.record(
        a_build("failed", external_id="1"),
        a_build(external_id="2", branch="feature/x", queued_at=NOON + minutes(1)),
    )
    world.run("UPDATE pipelines SET default_branch = NULL")

    assert told_of(collected(world.engine), "last_run_status") == [{"ref": "main", "status": "failed"}]


def test_a_retry_or_a_cancelled_build_leaves_the_newest_verdict(world: World) -> None:
    world.record(a_build(external_id="1"), a_build("failed", external_id="2", queued_at=NOON + minutes(1)))
    world.record(a_build("running", external_id="2", attempt=2, queued_at=NOON + minutes(1)))
    retried = collected(world.engine)
    world.record(a_build("cancelled", external_id="3", queued_at=NOON + minutes(2)))
    cancelled = collected(world.engine)

    assert told_of(retried, "last_run_status") == [{"ref": "main", "status": "running"}]
    assert told_of(cancelled, "last_run_status") == [{"ref": "main", "status": "cancelled"}]
    for found in (retried, cancelled):
        assert told_of(found, "last_verdict") == [{"ref": "main", "status": "failed"}]


def test_who_reads_without_a_key_is_not_told_whom_we_tell_nor_where_we_run(world: World) -> None:
    world.record(a_build())
    world.run("INSERT INTO credentials (fingerprint, instance_id, remaining) VALUES ('abc123', 1, 42)")
    world.run("INSERT INTO processes (id, kind, host, pid, version) VALUES ('s', 'scheduler', 'build1', 7, '0')")
    world.run("INSERT INTO deliveries (receiver, kind, state, message) VALUES ('oncall', 'news', 'sent', '{}')")
    client = serve(world.engine, host="0.0.0.0", public_read=True)
    key = {"Authorization": f"Bearer {world.key(Scope.READ)}"}

    for_anyone, for_a_reader = client.get("/metrics").text, client.get("/metrics", headers=key).text

    assert [word for word in ("abc123", "build1", "oncall") if word in for_anyone] == []
    assert [word for word in ("abc123", "build1", "oncall") if word not in for_a_reader] == []
    assert counts(samples(for_anyone)) == counts(samples(for_a_reader))


def test_which_pipelines_have_their_own_lines_does_not_change_with_each_build(world: World) -> None:
    def build(number: int, pipeline: str, minute: int) -> Observation:
        fields: dict[str, Any] = {"pipeline_external_id": f"1/{pipeline}", "pipeline_name": pipeline}
        return a_build(external_id=f"{number}", queued_at=NOON + minutes(minute), **fields)

    def shown() -> set[str]:
        own = counts(collected(world.engine, most_pipelines=2))
        return {pipeline for pipeline, _ in own} - {"(others)"}

    world.record(build(1, "a", 0), build(2, "b", 1), build(3, "c", 2), build(4, "c", 3))
    fold(world.engine)

    first = shown()
    world.record(build(5, "b", 9))

    assert first == shown() == {"acme/web / c", "acme/web / a"}


def test_pipelines_beyond_the_bound_are_one_line_a_provider(world: World) -> None:
    elsewhere = a_world(world.engine, name="jenkins", provider="jenkins", scope="/")
    elsewhere.record(a_build("timed_out", external_id="j", provider="jenkins", queued_at=NOON + minutes(1)))
    for number, (pipeline, status) in enumerate(((0, "failed"), (1, "succeeded"), (2, "succeeded"), (2, "succeeded"))):
        world.record(
            a_build(
                status,
                external_id=f"{number}",
                pipeline_external_id=f"1/{pipeline}",
                pipeline_name=f"p{pipeline}",
                queued_at=NOON + minutes(2 + number),
            )
        )
    fold(world.engine)

    found = collected(world.engine, most_pipelines=1)

    # The one that built most has its own line.
    told = {labels: value for (name, labels), value in found.items() if name == "observatory_pipeline_builds"}
    assert told == {
        (("pipeline", "acme/web / p2"), *CI[1:], SUCCEEDED): 2,
        (*OTHERS, SUCCEEDED): 1,
        (*OTHERS, FAILED): 1,
        (*OTHERS[:2], ("provider", "jenkins"), ("result", "timed_out")): 1,
    }
    assert found["observatory_pipelines_folded", ()] == 3
    assert len([name for name, _ in found if name == "observatory_pipeline_last_run_status"]) == 1


def test_a_build_that_is_run_again_is_taken_out_until_it_ends(world: World) -> None:
    rerun: dict[str, Any] = {"external_id": "1", "attempt": 2}
    world.record(a_build("failed", external_id="1"))
    once = collected(world.engine)
    world.record(a_build("running", **rerun))
    again = collected(world.engine)
    world.record(a_build("succeeded", **rerun, finished_at=NOON + minutes(9)))
    ended = collected(world.engine)

    assert counts(once) == {("acme/web / ci", "failed"): 1}
    assert counts(again) == {("acme/web / ci", "failed"): 0}
    assert counts(ended) == {("acme/web / ci", "failed"): 0, ("acme/web / ci", "succeeded"): 1}
    assert counts(ended, "observatory_pipeline_first_tries")["acme/web / ci", "failed"] == 1


def test_durations_and_waits_fall_into_the_bucket_of_the_bound_they_do_not_exceed(world: World) -> None:
    started = NOON + minutes(5)
    world.record(
        *(
            a_build(external_id=f"{seconds}", queued_seconds=300, started_at=started, finished_at=started + took)
            for seconds in (30, 40, 120, 300, 86_400)
            for took in [timedelta(seconds=seconds)]
        )
    )

    found = collected(world.engine)

    name, labels = "cicd_pipeline_run_duration_seconds", (("provider", "github"), SUCCEEDED)
    assert {
        bound: found[f"{name}_bucket", (("le", bound), *labels)]
        for bound in ("30.0", "60.0", "120.0", "300.0", "7200.0", "+Inf")
    } == {"30.0": 1, "60.0": 2, "120.0": 3, "300.0": 4, "7200.0": 4, "+Inf": 5}
    assert found[f"{name}_sum", labels] == 30 + 40 + 120 + 300 + 86_400
    assert found[f"{name}_count", labels] == 5
    name = "observatory_pipeline_run_queued_seconds"
    assert [found[f"{name}_bucket", (("le", bound), *labels)] for bound in ("120.0", "300.0")] == [0, 5]


@pytest.mark.parametrize("milliseconds", [1, 999, 1000, 30_000, 60_000, 119_999, 7_200_000])
def test_a_bound_lies_in_the_bin_that_the_database_gives_it(session: Session, milliseconds: int) -> None:
    found = session.scalar(text(f"SELECT {BIN_SQL.format(ms='m')} FROM (VALUES ({milliseconds}::bigint)) v(m)"))

    assert bin_of(milliseconds) == found


READ_BUILDS = "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'builds'"


def test_the_default_branch_is_found_behind_any_number_of_other_builds_without_reading_them(world: World) -> None:
    long_ago = NOON - timedelta(days=60)
    world.record(a_build("failed", external_id="main", queued_at=long_ago))
    fold(world.engine)
    world.run(
        "INSERT INTO builds (pipeline_id, project_id, external_id, attempt, status, raw_status, is_finished,"
        " pipeline_name, branch, queued_at) "
        "SELECT 1, 1, 'pr' || n, 1, 'succeeded', 'x', true, 'ci', 'feature', :since + n * interval '1 minute' "
        "FROM generate_series(1, 20000) n",
        since=long_ago,
    )
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE builds"))

    with Session(world.engine) as session:
        found = samples(exposition(session, folder=Path("/"))[0].decode())
        read = session.scalar(text(READ_BUILDS))

    assert ("observatory_pipeline_last_run_status", (*CI, ("ref", "main"), ("status", "failed"))) in found
    assert read is not None
    assert read < 2000


def test_a_scrape_takes_as_many_statements_for_one_pipeline_as_for_many(world: World) -> None:
    world.record(*many_builds(1))
    with statements(world.engine) as few:
        collected(world.engine)
    world.record(
        *(a_build(external_id=f"p{n}", pipeline_external_id=f"2/{n}", pipeline_name=f"p{n}") for n in range(40))
    )
    with statements(world.engine) as many:
        found = collected(world.engine)

    assert len(counts(found)) == 41
    assert len(few) == len(many)


def test_messages_of_the_last_day_are_counted_by_receiver_and_state(world: World) -> None:
    for receiver, state, hours in (("ops", "sent", 1), ("ops", "sent", 2), ("ops", "sent", 30), ("mail", "dead", 1)):
        world.run(
            "INSERT INTO deliveries (receiver, kind, state, message, created_at) "
            "VALUES (:receiver, 'news', :state, '{}', now() - make_interval(hours => :hours))",
            receiver=receiver,
            state=state,
            hours=hours,
        )

    found = collected(world.engine)

    name = "observatory_alert_deliveries"
    told = {labels: value for (each, labels), value in found.items() if each == name}
    assert told == {(("channel", "ops"), ("result", "sent")): 2, (("channel", "mail"), ("result", "dead")): 1}


def test_a_late_verdict_moves_a_build_to_its_other_result(world: World) -> None:
    world.record(a_build("failed", external_id="1"))
    world.record(a_build("succeeded", external_id="1", updated_at=NOON + minutes(30)))

    assert counts(collected(world.engine))["acme/web / ci", "succeeded"] == 1


def test_a_name_full_of_quotes_and_backslashes_comes_through(world: World) -> None:
    name = 'a "b" \\ c\nd, e="f"}'
    world.record(a_build(pipeline_name=name, repository_name=None))

    assert counts(collected(world.engine)) == {(name, "succeeded"): 1}


def test_adding_up_changes_no_figure_but_the_flaky_ones_it_finds(world: World) -> None:
    elsewhere = a_world(world.engine, name="jenkins", provider="jenkins", scope="/")
    elsewhere.record(a_build("timed_out", external_id="j", provider="jenkins", queued_seconds=7))
    world.record(*many_builds(5), a_build("failed", external_id="flaky", commit_sha="b" * 40))
    before_rerun = collected(world.engine)
    fold(world.engine)
    added_up = collected(world.engine)
    world.record(a_build(external_id="flaky", attempt=2, commit_sha="b" * 40, finished_at=NOON + minutes(9)))
    recorded = collected(world.engine)
    fold(world.engine)
    at_the_end = collected(world.engine)

    assert figures(before_rerun) == figures(added_up) != figures(recorded) == figures(at_the_end)
    flaky = ("observatory_pipeline_flaky_builds", CI)
    assert (added_up[flaky], recorded[flaky], at_the_end[flaky]) == (0, 0, 1)
    uncounted = ("observatory_pipelines_uncounted", ())
    world.run("UPDATE metric_members SET is_counted = false WHERE pipeline_id = 1")
    assert (before_rerun[uncounted], collected(world.engine)[uncounted]) == (0, 1)


def figures(found: Samples) -> Samples:
    """What is counted of builds, the flaky ones apart; a result that nothing has (any more) is none."""
    counted = ("observatory_pipeline_builds", "observatory_pipeline_first_tries", "cicd_", "observatory_pipeline_run_")
    return {key: value for key, value in found.items() if key[0].startswith(counted) and value}


def test_every_family_is_documented_with_its_type_and_no_other(world: World) -> None:
    world.record(*many_builds(1), a_build("running", external_id="open", queued_at=utc_now()))
    world.run("INSERT INTO telemetry (pos) VALUES (0)")
    page = (Path(__file__).resolve().parents[2] / "docs/prometheus.md").read_text()

    documented = re.findall(r"^\| `((?:observatory|cicd)_\w+)(?:\{[^`]*)?` \| (\w+) \|", page, re.MULTILINE)

    told = serve(world.engine).get("/metrics").text
    exposed = re.findall(r"^# TYPE ((?:observatory|cicd)_\w+) (\w+)$", told, re.MULTILINE)
    assert sorted(documented) == sorted(exposed)
