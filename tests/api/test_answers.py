"""ETags and 304: equal content has an equal tag, whatever the clock or the encoding says."""

import gzip

import brotli  # type: ignore[import-untyped]
import pytest
from flask.testing import FlaskClient

from tests.api.serving import World, many_builds
from tests.factories import a_build

READS = [
    "/api/builds",
    "/api/builds/1",
    "/api/builds/1/jobs",
    "/api/builds/1/events",
    "/api/pipelines",
    "/api/sources",
    "/api/metrics/overview?since=2026-11-01T00:00:00Z",
    "/api/openapi.json",
    "/api/docs",
]


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br", "zstd"])
def test_what_the_caller_already_has_is_not_sent_again(world: World, client: FlaskClient, encoding: str) -> None:
    world.record(*many_builds(30))

    for path in READS:
        first = client.get(path, headers={"Accept-Encoding": encoding})
        again = client.get(path, headers={"Accept-Encoding": encoding, "If-None-Match": first.headers["ETag"]})

        assert (path, first.status_code, again.status_code) == (path, 200, 304)
        assert again.data == b""
        assert again.headers["ETag"] == first.headers["ETag"]


def test_a_new_instant_alone_is_no_new_content_but_is_told(world: World, client: FlaskClient) -> None:
    world.record(a_build())
    first = client.get("/api/builds")
    assert first.headers["X-As-Of"] == first.get_json()["as_of"]

    again = client.get("/api/builds", headers={"If-None-Match": first.headers["ETag"]})

    assert again.status_code == 304
    assert again.headers["X-As-Of"] > first.headers["X-As-Of"]


def test_a_write_is_seen_by_the_very_next_read(world: World, client: FlaskClient) -> None:
    world.record(a_build("running"))
    first = client.get("/api/builds")
    world.record(a_build("failed"))

    again = client.get("/api/builds", headers={"If-None-Match": first.headers["ETag"]})

    assert again.status_code == 200
    assert again.get_json()["builds"][0]["status"] == "failed"


def test_figures_of_the_default_window_stay_equal_while_nothing_happens(world: World, client: FlaskClient) -> None:
    world.record(a_build())
    tags = {client.get("/api/metrics/overview").headers["ETag"] for _ in range(3)}

    # The window begins on a full minute; one may pass between two of these.
    assert len(tags) <= 2


@pytest.mark.parametrize(("encoding", "decode"), [("gzip", gzip.decompress), ("br", brotli.decompress)])
def test_answers_and_problems_are_compressed_as_asked(
    world: World, client: FlaskClient, encoding: str, decode: object
) -> None:
    world.record(*many_builds(30))
    assert callable(decode)

    plain = client.get("/api/builds")
    packed = client.get("/api/builds", headers={"Accept-Encoding": encoding})
    problem = client.get("/api/builds?limit=x&status=y&nonsense=1", headers={"Accept-Encoding": encoding})

    assert packed.headers["Content-Encoding"] == encoding
    assert decode(packed.data).startswith(plain.data[:1000])
    assert len(packed.data) < len(plain.data) / 5
    assert b"nonsense" in (decode(problem.data) if "Content-Encoding" in problem.headers else problem.data)
