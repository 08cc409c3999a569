"""Errors: problems that name the part and say what would be right, whoever raises them."""

import json

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.keys import Scope
from tests.api.serving import World, serve

CASES: dict[str, tuple[str, int, str, str]] = {
    "unknown parameter": ("/api/builds?pipelin=1", 422, "pipelin", "are author, branch, cancel_reason, commit_sha"),
    "unknown parameter where none is": ("/api/builds/1?x=1", 422, "x", "no parameter is accepted here"),
    "not a number": ("/api/builds?limit=many", 422, "limit", "a whole number from 1 to 200"),
    "too many": ("/api/builds?limit=201", 422, "limit", "from 1 to 200"),
    "not even one": ("/api/builds?limit=0", 422, "limit", "from 1 to 200"),
    "not a status": ("/api/builds?status=red", 422, "status", "one of unknown, queued, blocked, running"),
    "not an id": ("/api/builds?pipeline_id=1,x", 422, "pipeline_id", "as the API shows it"),
    "a date without zone": ("/api/builds?since=2026-11-20T12:00:00", 422, "since", "2026-11-20T12:00:00Z"),
    "no date": ("/api/builds?until=yesterday", 422, "until", "2026-11-20T12:00:00Z"),
    "a window turned round": (
        "/api/builds?since=2026-11-20T12:00:00Z&until=2026-11-20T12:00:00Z",
        422,
        "until",
        "later than since",
    ),
    "a search without words": ("/api/builds?q=--", 422, "q", "a letter or a digit"),
    "no truth value": ("/api/builds?is_flaky=yes", 422, "is_flaky", "one of true, false"),
    "a reason nobody has": ("/api/builds?cancel_reason=fate", 422, "cancel_reason", "person, timeout, unknown"),
    "NUL": ("/api/builds?branch=a%00b", 422, "branch", "without NUL"),
    "empty": ("/api/builds?branch=", 422, "branch", "1 to 500 characters"),
    "given twice": ("/api/builds?limit=1&limit=2", 422, "limit", "once"),
    "both names": ("/api/builds?repo=a&repository=b", 422, "repo", "give one of them"),
    "a cursor of nothing": ("/api/builds?cursor=abc", 422, "cursor", "next_cursor"),
    "a grouping nobody knows": ("/api/metrics?by=author", 422, "by", "one of provider, instance, project"),
}


@pytest.fixture(scope="module")
def offline() -> FlaskClient:
    """Nothing here needs the database: what is wrong with the words is said before it is asked."""
    from shared.database import make_engine  # noqa: PLC0415

    return serve(make_engine("postgresql://nobody@127.0.0.1:1/nothing", application="test"))


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_part_is_named_with_what_would_be_accepted(offline: FlaskClient, name: str) -> None:
    path, status, field, words = CASES[name]

    answer = offline.get(path)

    problem = answer.get_json()
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert (problem["status"], problem["instance"]) == (status, path.partition("?")[0])
    assert [(part["in"], part["field"].partition(".")[0]) for part in problem["errors"]] == [("query", field)]
    assert words in problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]


def test_every_wrong_part_is_named_at_once(offline: FlaskClient) -> None:
    problem = offline.get("/api/builds?limit=x&status=y&nonsense=1").get_json()

    assert {part["field"].partition(".")[0] for part in problem["errors"]} == {"limit", "status", "nonsense"}


def test_flasks_own_errors_are_problems_too(offline: FlaskClient) -> None:
    missing = offline.get("/nowhere")
    wrong_method = offline.delete("/api/builds")

    assert (missing.status_code, wrong_method.status_code) == (404, 405)
    assert "/api/docs" in missing.get_json()["detail"]
    assert "DELETE" in wrong_method.get_json()["detail"]
    assert "GET" in wrong_method.headers["Allow"]
    assert {answer.content_type for answer in (missing, wrong_method)} == {"application/problem+json"}


BODIES = [
    (b"{", "application/json", 400),
    (b"\xff\xfe", "application/json", 400),
    (b"[" * 100_000 + b"]" * 100_000, "application/json", 413),
    (b"[" * 20_000 + b"]" * 20_000, "application/json", 400),
    (b'{"source_id": ' + b"9" * 30 + b"}", "application/json", 422),
    (b'{"source_id": ' + b"9" * 5000 + b"}", "application/json", 400),
    (b'{"source_id": NaN}', "application/json", 400),
    (b'{"source_id": true}', "application/json", 422),
    (b'{"source_id": 1.5}', "application/json", 422),
    (b'{"provider": null}', "application/json", 422),
    (b'{"provider": "a\\u0000"}', "application/json", 422),
    (b'{"provider": "\\ud800"}', "application/json", 400),
    (b"[]", "application/json", 422),
    (b'"x"', "application/json", 422),
    (b'{"nonsense": 1}', "application/json", 422),
    (b"{}", "text/plain", 415),
    (b"a=b", "application/x-www-form-urlencoded", 415),
    (b"x" * 70_000, "application/json", 413),
]


def test_a_body_that_cannot_be_meant_is_refused(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.key(Scope.COLLECT)}"}
    client = serve(world.engine)

    for body, content_type, status in BODIES:
        answer = client.post("/api/collect/trigger", data=body, content_type=content_type, headers=headers)

        assert (body[:40], answer.status_code) == (body[:40], status), answer.text
        assert answer.content_type == "application/problem+json"
    assert world.ask("SELECT count(*) FROM sources WHERE requested_at IS NOT NULL") == 0


def test_what_nobody_expected_is_told_without_a_word_of_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.run("ALTER TABLE sources ALTER COLUMN failures TYPE text")

    answer = serve(world.engine).get("/api/builds")

    assert answer.status_code == 500
    assert "failures" not in answer.text
    assert answer.get_json()["request_id"] in capsys.readouterr().out


def test_a_schema_that_is_not_there_is_said_with_its_cure(world: World) -> None:
    world.run("ALTER TABLE builds RENAME TO builds_of_old")

    answer = serve(world.engine).get("/api/builds")

    assert answer.status_code == 503
    assert "observatory migrate" in answer.get_json()["detail"]


def test_a_question_too_large_is_cut_off_and_says_how_to_narrow_it(world: World) -> None:
    client = serve(world.engine)
    with Session(world.engine) as blocker:
        blocker.execute(text("LOCK TABLE builds IN ACCESS EXCLUSIVE MODE"))
        answer = client.get("/api/builds")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "Narrow it" in answer.get_json()["detail"]
    assert client.get("/api/builds").status_code == 200


def test_json_in_problems_is_valid_whatever_was_asked(offline: FlaskClient) -> None:
    answer = offline.get("/api/builds", query_string={"status": '"\\\n\u2028<script>'})

    assert json.loads(answer.data)["status"] == 422
