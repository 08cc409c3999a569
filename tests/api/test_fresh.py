"""Every list and every figure says as of when it is, and which sources it depends on are stale."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from shared.config.settings import Config
from shared.database import make_engine
from tests.api.serving import World
from tests.factories import a_build, a_job
from tests.incidents import an_incident

NOWHERE = make_engine("postgresql://nobody@127.0.0.1:1/nothing", application="test")

LOGS = {"/api/builds/{build_id}/log", "/api/logs/{provider}/{external_id}"}
"""Text, not JSON: what a job printed is as old as it says."""

NEEDED = {"/api/pipelines/durations": "?pipeline_id=1"}
"""What a question cannot be asked without."""

OURS = ("/api/routes", "/api/receivers", "/api/silences", "/api/deliveries", "/api/events", "/api/session")
"""What we were told to do and did ourselves, and who asks: it depends on no source."""


def described() -> dict[str, Any]:
    found: dict[str, Any] = create_app(Config(), NOWHERE).test_client().get("/api/openapi.json").get_json()
    return found


SPEC = described()
READS = sorted(path for path, item in SPEC["paths"].items() if path.startswith("/api/") and "get" in item)
ANSWERS = [path for path in READS if path not in LOGS and not path.startswith(OURS)]


def promised(path: str) -> set[str]:
    """The fields of a path's answer that its description says are always there."""
    content = SPEC["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    schema = SPEC["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    return set(schema["required"])


def test_there_is_something_to_look_at() -> None:
    assert {"/api/builds", "/api/errors", "/api/sources", "/api/metrics/overview"} <= set(ANSWERS)


@pytest.mark.parametrize("path", ANSWERS)
def test_the_description_promises_both(path: str) -> None:
    assert {"as_of", "stale_sources"} <= promised(path)


@pytest.mark.parametrize("path", ANSWERS)
def test_the_answer_keeps_the_promise(world: World, client: FlaskClient, path: str) -> None:
    world.record(a_build("failed", jobs=(a_job(),)))
    world.run("UPDATE sources SET failures = 4, last_error = 'unplugged', last_ok_at = now() - interval '3 minutes'")

    ids = {"build_id": 1, "pipeline_id": 1, "incident_id": an_incident(world.engine), "key": "default"}
    answer = client.get(path.format_map(ids) + NEEDED.get(path, ""))

    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    assert body["as_of"].endswith("Z")
    assert [source["scope"] for source in body["stale_sources"]] == ["acme/web"]
    assert "4 polls in a row failed: unplugged" in body["stale_sources"][0]["reason"]
    assert promised(path) <= set(body)
