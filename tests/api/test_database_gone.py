"""The database goes away and comes back: 503 with Retry-After at once, and service as soon as it returns."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import create_engine, make_url, text

from shared.database import libpq_url, psycopg_url
from tests.api.serving import World, serve
from tests.factories import a_build


@contextmanager
def closed(server_url: str, database_url: str) -> Iterator[None]:
    """While the block runs the database takes nobody, and whoever was connected is thrown out."""
    name = make_url(database_url).database
    with psycopg.connect(libpq_url(server_url), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


def test_while_the_database_is_away_the_answer_is_503_and_afterwards_the_builds(
    world: World, server_url: str, database_url: str
) -> None:
    world.record(a_build())
    client = serve(world.engine)
    assert client.get("/api/builds").status_code == 200

    with closed(server_url, database_url):
        began = time.monotonic()
        away = [client.get(path) for path in ("/api/builds", "/api/metrics/overview", "/metrics", "/api/builds/1")]
        seconds = time.monotonic() - began
        alive, ready = client.get("/livez"), client.get("/readyz")

    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in away] == [(503, "5")] * 4
    assert seconds < 5
    assert alive.status_code == 200
    assert (ready.status_code, ready.get_json()["checks"]["database"]["is_ok"]) == (503, False)
    assert len(client.get("/api/builds").get_json()["builds"]) == 1


def test_with_every_connection_taken_the_answer_is_503_after_the_pools_patience(
    world: World, database_url: str
) -> None:
    engine = create_engine(psycopg_url(database_url), pool_size=1, max_overflow=0, pool_timeout=0.2)
    client = serve(engine)

    with engine.connect() as holder:
        holder.execute(text("SELECT 1"))
        answer = client.get("/api/builds")
    afterwards = client.get("/api/builds")
    engine.dispose()

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert afterwards.status_code == 200


def test_a_connection_that_dies_under_a_question_is_503_and_the_next_one_is_served(world: World) -> None:
    """The view ends its own reader's connection, which is as sudden as an operator or a failover can be."""
    world.record(a_build())
    world.run("ALTER TABLE projects RENAME TO real_projects")
    world.run("CREATE VIEW projects AS SELECT p.* FROM real_projects p WHERE pg_terminate_backend(pg_backend_pid())")
    client = serve(world.engine)

    died = client.get("/api/builds")
    world.run("DROP VIEW projects")
    world.run("ALTER TABLE real_projects RENAME TO projects")

    assert (died.status_code, died.headers["Retry-After"]) == (503, "5")
    assert client.get("/api/builds").status_code == 200
