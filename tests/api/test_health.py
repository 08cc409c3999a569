"""Alive and ready."""

from shared.database import make_engine
from tests.api.serving import World, serve


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
        "jobs": True,
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


def test_a_job_that_fails_each_time_is_told_and_readers_are_served(world: World) -> None:
    client = serve(world.engine)
    a_scheduler(world, seconds_ago=5)
    world.run(
        """UPDATE processes SET troubles = '[{"job": "figures", "failures": 9, "since": "2026-11-20T12:00:00Z",
                                              "error": "KeyError: at build1.acme.test"}]'"""
    )

    degraded = client.get("/readyz")
    metrics = client.get("/metrics").get_data(as_text=True)
    world.run("UPDATE processes SET troubles = NULL")
    ready = client.get("/readyz")

    assert (degraded.status_code, degraded.get_json()["status"]) == (200, "degraded")
    told = "figures do not follow the builds: the job figures has failed each time since 2026-11-20 12:00:00 UTC"
    assert degraded.get_json()["checks"]["jobs"] == {"is_ok": False, "detail": told}
    assert 'observatory_scheduler_job_failures{scheduler_job="figures"} 9.0' in metrics
    assert 'observatory_scheduler_job_failures{scheduler_job="poll"} 0.0' in metrics
    assert ready.get_json()["status"] == "ready"
