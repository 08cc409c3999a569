"""Alive, ready, and what Prometheus reads."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from sqlalchemy import Engine

from shared.clock import utc_now
from shared.database import make_engine
from tests.api.serving import World, many_builds, serve
from tests.factories import NOON, a_build, minutes


def a_scheduler(world: World, *, seconds_ago: int) -> None:
    world.run("DELETE FROM processes")
    world.run(
        "INSERT INTO processes (id, kind, host, pid, version, heartbeat_at) "
        "VALUES ('s', 'scheduler', 'build1', 7, '0', now() - make_interval(secs => :ago))",
        ago=seconds_ago,
    )


def test_ready_means_database_schema_and_a_living_scheduler(world: World) -> None:
    client = serve(world.engine)
    a_scheduler(world, seconds_ago=5)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.get_json()["status"]) == (200, "ready")
    assert {name: check["is_ok"] for name, check in answer.get_json()["checks"].items()} == {
        "database": True,
        "schema": True,
        "scheduler": True,
        "api": True,
    }


def test_a_scheduler_not_heard_of_for_half_a_minute_is_not_ready(world: World) -> None:
    client = serve(world.engine)

    never = client.get("/readyz")
    a_scheduler(world, seconds_ago=31)
    silent = client.get("/readyz")

    assert (never.status_code, silent.status_code) == (503, 503)
    assert "no scheduler has ever started" in never.get_json()["checks"]["scheduler"]["detail"]
    assert "31 s ago" in silent.get_json()["checks"]["scheduler"]["detail"]


def test_a_schema_behind_the_code_is_not_ready(world: World) -> None:
    a_scheduler(world, seconds_ago=1)
    client = serve(world.engine)

    world.run("UPDATE alembic_version SET version_num = '0000'")
    behind = client.get("/readyz").get_json()["checks"]["schema"]
    world.run("DROP TABLE alembic_version")
    empty = client.get("/readyz").get_json()["checks"]["schema"]

    assert not behind["is_ok"]
    assert "observatory migrate" in behind["detail"]
    assert empty["detail"].startswith("at nothing")


def test_alive_needs_nothing() -> None:
    client = serve(make_engine("postgresql://nobody@127.0.0.1:1/nothing", application="test"))

    assert client.get("/livez").get_json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 503


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def test_prometheus_reads_what_is_on_record(world: World) -> None:
    world.record(*many_builds(4), a_build("failed", external_id="f", queued_at=NOON + minutes(50)))
    world.record(a_build("running", external_id="b", branch="feature", queued_at=utc_now()))
    world.run("INSERT INTO credentials (fingerprint, instance_id, remaining) VALUES ('abc', 1, 42)")
    a_scheduler(world, seconds_ago=1)

    answer = serve(world.engine).get("/metrics")

    found = samples(answer.text)
    pipeline = (("pipeline", "acme/web / ci"), ("project", "default"), ("provider", "github"))
    on_main = (*pipeline, ("ref", "main"))
    assert found["observatory_pipeline_last_run_status", (*on_main, ("status", "failed"))] == 1
    assert found["observatory_pipeline_last_run_duration_seconds", on_main] == 300
    assert found["observatory_pipeline_runs_total", (*pipeline, ("result", "succeeded"))] == 4
    assert found["observatory_pipeline_runs_total", (*pipeline, ("result", "failed"))] == 1
    success = (("provider", "github"), ("result", "succeeded"))
    assert found["cicd_pipeline_run_duration_seconds_bucket", (("le", "120.0"), *success)] == 0
    assert found["cicd_pipeline_run_duration_seconds_bucket", (("le", "300.0"), *success)] == 4
    assert found["cicd_pipeline_run_duration_seconds_sum", success] == 1200
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
    families = parse_openmetrics(answer.text)  # type: ignore[no-untyped-call]
    assert {family.name for family in families} >= {"observatory_pipeline_runs"}


def test_two_pipelines_of_one_name_do_not_spoil_the_scrape(world: World, database: Engine) -> None:
    world.record(
        a_build(external_id="1", pipeline_external_id="1/1"),
        a_build("failed", external_id="2", pipeline_external_id="1/2", queued_at=NOON + minutes(1)),
    )

    found = samples(serve(database).get("/metrics").text)

    newest = [dict(labels)["status"] for name, labels in found if name == "observatory_pipeline_last_run_status"]
    assert newest == ["failed"]
