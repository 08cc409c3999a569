"""Whatever is sent, the answer is a 2xx or a problem that says whose mistake it was: never a 500."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.receivers.slack import SlackSettings
from api.app import create_app
from api.schemas import BuildsQuery, GroupsQuery, JobsQuery
from shared.config.routes import RouteSettings
from shared.config.settings import Config
from shared.database import make_engine
from shared.keys import Scope
from shared.silence_requests import SilenceRequest
from tests.api.serving import a_world, many_builds
from tests.conftest import Databases
from tests.factories import a_build, a_job
from tests.incidents import an_incident

LISTS = [
    "/api/builds",
    "/api/deliveries",
    "/api/incidents",
    "/api/pipelines",
    "/api/repositories",
    "/api/branches",
    "/api/projects",
    "/api/sources",
    "/api/routes",
    "/api/receivers",
    "/api/silences",
]
FIGURES = [
    "/api/metrics",
    "/api/metrics/overview",
    "/api/metrics/pipeline/1",
    "/api/metrics/flaky",
    "/api/metrics/slowdowns",
    "/api/projects/default/analytics",
]
UNDER = [
    "/api/builds/1",
    "/api/builds/1/jobs",
    "/api/builds/1/events",
    "/api/incidents/1",
    "/api/incidents/1/commits",
    "/api/incidents/1/events",
    "/api/events/1/decisions",
    "/api/pipelines/1",
]
NAMES = [*sorted(BuildsQuery().fields | JobsQuery().fields | GroupsQuery().fields), "nonsense"]

ODD = [
    "", " ", "\0", "a\0b", "%", "%%", "_", "\\", "'", '"', "';--", "${x}", "{}", "[]", "null", "NaN", "-1", "0", "1",
    "1e9", "٣", "²", "1_000", "+1", "9" * 19, "9" * 20, "9" * 400, "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "main", "acme/web", "github", "failed", "failed,running", "a,b,,c", ",", "," * 60,
    "open", "2026-11-20T12:00:00Z", "2026-11-20T12:00:00+02:00", "2026-11-20", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "2026-W47-5T12:00:00Z", "T", "ZZZ", "login", "%login_",
    "\u202e", "\u2028", "\ufeff", "é", "e\u0301", "\U0001d54f", "\U0010ffff", "x" * 501, "provider", "pipeline",
]  # fmt: skip

VALUES = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.integers().map(str)
QUERIES = st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=5), VALUES), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def asker(databases: Databases) -> Iterator[tuple[FlaskClient, dict[str, str]]]:
    """One served world for all examples, and the headers of someone who may do everything."""
    url = databases.clone()
    engine = make_engine(url, application="test")
    world = a_world(engine)
    world.record(*many_builds(5), a_build("failed", external_id="x", branch="%a_b", jobs=(a_job(),)))
    an_incident(engine)
    yield create_app(Config(), engine).test_client(), {"Authorization": f"Bearer {world.key(*Scope)}"}
    engine.dispose()
    databases.drop(url)


MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(path=st.sampled_from([*LISTS, *FIGURES, *UNDER]), query=QUERIES)
def test_any_query_is_answered_or_refused_in_words(
    asker: tuple[FlaskClient, dict[str, str]], path: str, query: list[tuple[str, str]]
) -> None:
    client, _ = asker

    answer = client.get(path, query_string=query)

    assert answer.status_code in {200, 422}, answer.text
    if answer.status_code == 422:
        assert answer.get_json()["errors"]


@MANY
@given(raw=st.binary(max_size=20))
def test_any_bytes_in_an_address_are_answered_or_refused_in_words(
    asker: tuple[FlaskClient, dict[str, str]], raw: bytes
) -> None:
    client, _ = asker
    escaped = "".join(f"%{byte:02x}" for byte in raw)

    for address in (f"/api/builds?branch={escaped}", f"/api/builds?{escaped}=1", f"/api/builds/{escaped}"):
        assert client.get(address).status_code in {200, 308, 404, 422}


@MANY
@given(path=st.sampled_from(["/api/collect/trigger", "/api/session"]), body=JSON)
def test_any_json_is_answered_or_refused_in_words(
    asker: tuple[FlaskClient, dict[str, str]], path: str, body: Any
) -> None:
    client, headers = asker

    answer = client.post(path, json=body, headers=headers)

    assert answer.status_code in {202, 400, 401, 404, 422, 429}, answer.text


@MANY
@given(
    path=st.sampled_from(["/api/collect/trigger", "/api/session"]),
    body=st.binary(max_size=200),
    content_type=st.sampled_from(["application/json", "text/plain", "", "application/json; charset=utf-16", "x"]),
)
def test_any_bytes_are_answered_or_refused_in_words(
    asker: tuple[FlaskClient, dict[str, str]], path: str, body: bytes, content_type: str
) -> None:
    client, headers = asker

    answer = client.post(path, data=body, content_type=content_type, headers=headers)

    assert answer.status_code in {202, 400, 401, 404, 415, 422, 429}, answer.text


RULES = ["/api/routes/night", "/api/receivers/team", "/api/silences/1"]
KEYS = sorted(RouteSettings.model_fields | SlackSettings.model_fields | SilenceRequest.model_fields)
TABLE = st.dictionaries(st.sampled_from([*KEYS, "webhook_url_env", "nonsense"]), JSON, max_size=4)
SOUND = [
    {"receivers": ["team"]},
    {"kind": "slack", "webhook_url_env": "OBSERVATORY_RECEIVER_TEAM"},
    {"matchers": {"pipeline": "ci"}, "reason": "work", "duration_seconds": "2h"},
]


@MANY
@given(path=st.sampled_from(RULES), sound=st.sampled_from([{}, *SOUND]), table=TABLE | JSON)
def test_any_rule_is_taken_or_refused_in_words(
    asker: tuple[FlaskClient, dict[str, str]], path: str, sound: dict[str, Any], table: Any
) -> None:
    client, headers = asker
    body = sound | table if isinstance(table, dict) else table

    changed = client.put(path, json=body, headers=headers)
    added = client.post("/api/silences", json=body, headers=headers)

    assert changed.status_code in {200, 201, 400, 404, 409, 422}, changed.text
    assert added.status_code in {201, 400, 422}, added.text
    for address in ("/api/routes", "/api/receivers", "/api/silences"):
        assert client.get(address).status_code == 200


@MANY
@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120) | st.sampled_from(ODD[1:]))
def test_any_name_of_a_rule_is_taken_or_refused_in_words(asker: tuple[FlaskClient, dict[str, str]], name: str) -> None:
    client, headers = asker
    address = f"/api/routes/{quote(name, safe='')}"

    for answer in (
        client.get(address),
        client.put(address, json={"receivers": ["nobody"]}, headers=headers),
        client.delete(address, headers=headers),
    ):
        assert answer.status_code in {200, 201, 204, 308, 404, 405, 422}, answer.text


@MANY
@given(tail=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40) | st.sampled_from(ODD))
def test_any_path_leads_somewhere_or_nowhere(asker: tuple[FlaskClient, dict[str, str]], tail: str) -> None:
    client, _ = asker

    for root in ("/api/builds/", "/api/incidents/", "/api/pipelines/", "/api/metrics/pipeline/", "/static/"):
        with client.get(root + tail.replace("?", "").replace("#", "")) as answer:
            assert answer.status_code in {200, 308, 404}, answer.get_data(as_text=True)


@MANY
@given(
    name=st.sampled_from(
        ["Host", "Origin", "Authorization", "Cookie", "X-Request-Id", "If-None-Match", "Accept", "Accept-Encoding"]
    ),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=80) | st.sampled_from(ODD),
)
def test_any_header_is_answered_or_refused_in_words(
    asker: tuple[FlaskClient, dict[str, str]], name: str, value: str
) -> None:
    client, _ = asker
    # What a server would never hand on: bytes outside Latin-1, and line ends.
    clean = "".join(character for character in value if 32 <= ord(character) < 256)

    for path in ("/api/builds", "/metrics"):
        answer = client.get(path, environ_overrides={f"HTTP_{name.upper().replace('-', '_')}": clean})

        assert answer.status_code in {200, 304, 400, 401, 421}, answer.text
