"""`/log`: what is kept is served as harmless text, whole or a piece; what is not is said; nobody else may see it."""

import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from api.log_text import MOST_RANGE_BYTES
from shared.keys import Scope
from shared.stored_logs import store
from tests.api.serving import World, a_world, serve
from tests.factories import a_build, a_job
from tests.stored_logs import a_log

HOSTILE = b"\x1b]52;c;ZXZpbA==\x07\x1b[2J<script>alert(1)</script>\r\nok \xe2\x80\xae \xff\n"


def keep(world: World, *logs: Any, build_id: int = 1) -> None:
    """Store logs of attempt 1 as answered requests."""
    with Session(world.engine) as session, session.begin():
        store(session, build_id, 1, logs)
    for job in ("", *(log.part for log in logs)):
        world.run(
            "INSERT INTO log_requests (build_id, attempt, job_external_id, state, settled_at) "
            "VALUES (:build, 1, :job, 'stored', clock_timestamp())",
            build=build_id,
            job=job,
        )


@pytest.fixture
def recorded(world: World) -> World:
    world.record(a_build(jobs=(a_job(), a_job(external_id="1001", name="li\x1bnt\n"))))
    return world


def test_a_log_is_served_as_text_that_no_browser_runs(recorded: World, client: FlaskClient) -> None:
    keep(recorded, a_log(HOSTILE, masked=3))

    answer = client.get("/api/builds/1/log")

    assert answer.status_code == 200
    assert answer.data == HOSTILE
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers.getlist("Content-Security-Policy") == ["sandbox; default-src 'none'; frame-ancestors 'none'"]
    assert answer.headers["Content-Disposition"] == 'inline; filename="build-1-attempt-1-job-1000.log"'
    assert (answer.headers["X-Log-Masked"], answer.headers["X-Log-Complete"]) == ("3", "true")


def test_the_jobs_of_an_attempt_come_one_after_another_each_under_its_name(
    recorded: World, client: FlaskClient
) -> None:
    keep(recorded, a_log(b"one\n"), a_log(b"two\n", part="1001", name="li\x1bnt\n", place=1))

    assert client.get("/api/builds/1/log").text == "==> test <==\none\n\n==> li?nt? <==\ntwo\n"
    assert client.get("/api/builds/1/log?job=2").text == "two\n"
    assert client.get("/api/logs/github/100?job=1001").text == "two\n"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=13-17", 13, 18),
        ("bytes=-5", -5, None),
        ("bytes=262140-262150", 262_140, 262_151),
        ("bytes=2900000-4000000", 2_900_000, None),
        ("bytes=100-", 100, 100 + MOST_RANGE_BYTES),
        ("bytes=2500000-", 2_500_000, None),
        ("bytes=0-1048575", 0, MOST_RANGE_BYTES),
    ],
)
def test_a_range_is_that_piece_of_the_whole(
    recorded: World, client: FlaskClient, asked: str, start: int, end: int | None
) -> None:
    text = b"".join(b"%08d\n" % number for number in range(330_000))
    keep(recorded, a_log(text[:1_500_000]), a_log(text[1_500_000:], part="1001", place=1))
    whole = client.get("/api/builds/1/log").data

    answer = client.get("/api/builds/1/log", headers={"Range": asked, "Accept-Encoding": "gzip"})

    assert answer.status_code == 206
    assert answer.data == whole[start:end]
    first = start % len(whole)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(answer.data) - 1}/{len(whole)}"
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    "asked", ["bytes=9999-", "bytes=5-4", "bytes=-0", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes=٣-"]
)
def test_a_range_that_cannot_be_had_is_said_with_the_length(recorded: World, client: FlaskClient, asked: str) -> None:
    keep(recorded, a_log(b"short\n"))

    answer = client.get("/api/builds/1/log", environ_overrides={"HTTP_RANGE": asked.encode().decode("latin-1")})

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */6"
    assert answer.get_json()["errors"][0]["field"] == "Range"


def test_a_range_over_a_megabyte_is_refused_and_the_whole_is_not(recorded: World, client: FlaskClient) -> None:
    keep(recorded, a_log(b"x" * 2_000_000))

    assert client.get("/api/builds/1/log", headers={"Range": "bytes=0-1048576"}).status_code == 416
    whole = client.get("/api/builds/1/log", headers={"Accept-Encoding": "deflate"})
    assert (whole.status_code, whole.headers["Content-Encoding"]) == (200, "deflate")


def test_a_log_that_is_known_is_not_sent_again(recorded: World, client: FlaskClient) -> None:
    keep(recorded, a_log(b"known\n"))
    first = client.get("/api/builds/1/log")

    again = client.get("/api/builds/1/log", headers={"If-None-Match": first.headers["ETag"]})
    ranged = client.get("/api/builds/1/log", headers={"If-Range": first.headers["ETag"], "Range": "bytes=0-1"})

    assert (again.status_code, again.data) == (304, b"")
    assert (ranged.status_code, ranged.data) == (200, b"known\n"), "a weak tag keeps no range valid"


def test_what_is_not_kept_is_requested_once_and_waited_for(recorded: World, client: FlaskClient) -> None:
    began = time.monotonic()
    answers = [client.get(f"/api/builds/1/log?wait={wait}") for wait in (0, 1)]

    assert time.monotonic() - began >= 1
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].get_json()["state"] == "requested"
    assert answers[0].headers["Retry-After"] == "2"
    assert recorded.ask("SELECT count(*) FROM log_requests") == 1


def test_some_jobs_logs_are_not_passed_off_as_all(recorded: World, client: FlaskClient) -> None:
    keep(recorded, a_log(b"one\n"))
    recorded.run("DELETE FROM log_requests WHERE job_external_id = ''")

    assert client.get("/api/builds/1/log?wait=0").status_code == 202
    assert client.get("/api/builds/1/log?job=1").text == "one\n"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/builds/9/log", 404, "no build 9"),
        ("/api/builds/1/log?attempt=2", 404, "no attempt 2"),
        ("/api/builds/1/log?job=9", 404, "no job 9; /api/builds/1/jobs lists them"),
        ("/api/builds/1/log?job=1&attempt=2", 404, "no job 1 in attempt 2"),
        ("/api/builds/1/log?job=x", 422, "must be an id"),
        ("/api/builds/1/log?wait=9", 422, "from 0 to 8"),
        ("/api/logs/github/nothing", 404, "No build of github is called nothing"),
        ("/api/logs/jenkins/100", 404, "No build of jenkins"),
        ("/api/logs/github/100?instance=other", 404, "No build of github"),
        ("/api/logs/github/100%00", 404, "no build"),
    ],
)
def test_what_is_not_there_is_said_in_words(
    recorded: World, client: FlaskClient, path: str, status: int, words: str
) -> None:
    answer = client.get(path)

    assert (answer.status_code, words in answer.get_json()["detail"]) == (status, True), answer.text


def test_a_skipped_job_printed_nothing_and_nobody_is_asked(world: World, client: FlaskClient) -> None:
    world.record(a_build(jobs=(a_job("skipped"),)))

    assert "was skipped" in client.get("/api/builds/1/log?job=1").get_json()["detail"]
    assert world.ask("SELECT count(*) FROM log_requests") == 0


def test_an_id_that_several_builds_bear_is_answered_with_the_candidates(world: World, client: FlaskClient) -> None:
    other = a_world(world.engine, name="ghes", scope="acme/other")
    world.record(a_build())
    other.record(a_build())
    keep(world, a_log(b"other\n"), build_id=2)

    several = client.get("/api/logs/github/100")

    assert several.status_code == 409
    assert [(each["id"], each["instance"]) for each in several.get_json()["candidates"]] == [
        (1, "github.com"),
        (2, "ghes"),
    ]
    assert client.get("/api/logs/github/100?instance=ghes").text == "other\n"


def test_an_id_with_slashes_and_escapes_is_found(database: Any) -> None:
    jenkins = a_world(database, name="ci", provider="jenkins", scope="team")
    jenkins.record(a_build(provider="jenkins", external_id="team/app/feature%2Fx/12@1795176000000"))
    keep(jenkins, a_log(b"console\n", part="~0_", name=""))

    assert serve(database).get("/api/logs/jenkins/team/app/feature%252Fx/12@1795176000000").text == "console\n"


def test_reading_logs_needs_its_own_scope_elsewhere(recorded: World) -> None:
    keep(recorded, a_log())
    reader, auditor = recorded.key(Scope.READ, name="reader"), recorded.key(Scope.LOGS, name="auditor")

    for server in ({"host": "0.0.0.0"}, {"host": "0.0.0.0", "public_read": True}):
        client = serve(recorded.engine, **server)
        statuses = [
            client.get(path, headers={"Authorization": f"Bearer {key}"} if key else {}).status_code
            for path in ("/api/builds/1/log", "/api/logs/github/100")
            for key in ("", reader, auditor)
        ]
        assert statuses == [401, 403, 200] * 2
