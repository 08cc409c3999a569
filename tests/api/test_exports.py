"""Lists as files: the same rows as in pages, whatever the form, to the end or visibly not."""

import csv
import http.client
import json
import random
import socket
import zlib
from io import StringIO
from threading import BoundedSemaphore
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from api.export_room import MOST_AT_ONCE, MOST_SILENT_SECONDS, Place
from api.exports import PAGE_ROWS
from shared.collector_errors import ErrorKind, note
from shared.keys import Scope
from tests.api.serving import World, many_builds, serve, statements
from tests.api.stand import running_api, wait_for
from tests.factories import NOON, a_build, a_job, minutes
from tests.incidents import an_incident, an_incident_event
from tests.told import a_delivery, an_item

LISTS = {
    "/api/builds": "builds",
    "/api/builds/1/jobs": "jobs",
    "/api/builds/1/events": "events",
    "/api/builds/1/changes": "commits",
    "/api/incidents": "incidents",
    "/api/incidents/1/commits": "commits",
    "/api/incidents/1/events": "events",
    "/api/deliveries": "deliveries",
    "/api/deliveries/1": "items",
    "/api/events/1/decisions": "routes",
    "/api/silences": "silences",
    "/api/routes": "routes",
    "/api/receivers": "receivers",
    "/api/pipelines": "pipelines",
    "/api/projects": "projects",
    "/api/repositories": "repositories",
    "/api/branches": "branches",
    "/api/sources": "sources",
    "/api/errors": "errors",
    "/api/reconciliation": "sources",
    "/api/metrics?since=2026-11-01T00:00:00Z": "groups",
    "/api/metrics/flaky?since=2026-11-01T00:00:00Z": "pipelines",
    "/api/metrics/slowdowns?since=2026-11-01T00:00:00Z": "pipelines",
}


@pytest.fixture
def full(world: World) -> World:
    """Something in every list."""
    world.record(
        a_build("failed", external_id="1", jobs=(a_job("failed"), a_job(external_id="1001", name="lint"))),
        a_build(external_id="2", branch="=cmd|' /C calc'!A0", commit_message='two\nlines, "quoted"', author=None),
        a_build("running", external_id="3", pipeline_external_id="1/11", queued_at=NOON + minutes(1)),
    )
    an_incident_event(world.engine, an_incident(world.engine, fixed_at=NOON + minutes(9)))
    an_item(world.engine, a_delivery(world.engine), 1, 0)
    with Session(world.engine) as session, session.begin():
        note(session, world.source_id, ErrorKind.UNAVAILABLE, "502")
    client, headers = serve(world.engine), {"Authorization": f"Bearer {world.key(*Scope)}"}
    for address, body in (
        ("/api/receivers/ops", {"kind": "slack", "webhook_url_env": "OBSERVATORY_RECEIVER_OPS"}),
        ("/api/routes/all", {"receivers": ["ops"]}),
    ):
        assert client.put(address, json=body, headers=headers).status_code == 201
    silence = {"matchers": {"pipeline": "ci"}, "reason": "work", "duration_seconds": "2h"}
    assert client.post("/api/silences", json=silence, headers=headers).status_code == 201
    return world


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(content.decode(), newline="")))


def lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def as_cells(row: dict[str, Any], columns: list[str]) -> dict[str, str]:
    """What the table should say of an item of the JSON answer, worked out anew."""
    return {column: as_cell(within(row, column)) for column in columns}


def within(row: Any, column: str) -> Any:
    for name in column.split("."):
        row = row.get(name) if isinstance(row, dict) else None
    return row


def as_cell(value: Any) -> str:
    if isinstance(value, bool | dict | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    words = "" if value is None else str(value)
    return f"'{words}" if isinstance(value, str) and words[:1] in "=+-@" and words else words


@pytest.mark.parametrize("path", LISTS)
def test_a_file_has_the_rows_of_the_pages(full: World, client: FlaskClient, path: str) -> None:
    answer = client.get(path).get_json()
    in_json = answer[LISTS[path]]
    assert in_json or LISTS[path] in {"commits", "routes"} or "reconciliation" in path or "/metrics/" in path

    sign = "&" if "?" in path else "?"
    as_lines, as_table = client.get(f"{path}{sign}format=jsonl"), client.get(f"{path}{sign}format=csv")

    assert (as_lines.status_code, as_lines.content_type) == (200, "application/jsonl")
    assert (as_table.status_code, as_table.content_type) == (200, "text/csv; charset=utf-8; header=present")
    assert lines(as_lines.data) == in_json
    rows = table(as_table.data)
    assert rows == [as_cells(row, list(rows[0])) for row in in_json]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file_has_all_rows_however_many_pages_they_are(world: World, client: FlaskClient, form: str) -> None:
    count = 2 * PAGE_ROWS + 7
    world.record(*many_builds(count))

    answer = client.get(f"/api/builds?format={form}&status=succeeded")

    rows = table(answer.data) if form == "csv" else lines(answer.data)
    assert [int(row["number"]) for row in rows] == list(range(count - 1, -1, -1))


@pytest.mark.parametrize("limit", [1, PAGE_ROWS, PAGE_ROWS + 1, 10**6])
def test_of_a_file_the_limit_is_all_its_rows(world: World, client: FlaskClient, limit: int) -> None:
    count = PAGE_ROWS + 7
    world.record(*many_builds(count))

    rows = lines(client.get(f"/api/builds?format=jsonl&limit={limit}").data)

    assert len(rows) == min(limit, count)


def test_a_file_may_begin_where_a_page_ended(world: World, client: FlaskClient) -> None:
    world.record(*many_builds(10))
    cursor = client.get("/api/builds?limit=4").get_json()["next_cursor"]

    rows = lines(client.get(f"/api/builds?format=jsonl&cursor={cursor}").data)

    assert [row["number"] for row in rows] == [5, 4, 3, 2, 1, 0]


def test_columns_are_the_same_without_rows(world: World, client: FlaskClient) -> None:
    empty = client.get("/api/pipelines?format=csv").data
    world.record(a_build())

    full = client.get("/api/pipelines?format=csv").data

    assert empty.splitlines() == full.splitlines()[:1]
    assert {"id", "name", "last_build.status", "health.success_rate"} <= set(empty.decode().strip().split(","))


def test_what_a_spreadsheet_would_run_does_not_reach_it(full: World, client: FlaskClient) -> None:
    rows = table(client.get("/api/builds?format=csv").data)

    (build,) = [row for row in rows if row["external_id"] == "2"]
    assert build["branch"] == "'=cmd|' /C calc'!A0"
    assert build["commit_message"] == 'two\nlines, "quoted"'
    assert build["author"] == ""


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/csv", "text/csv; charset=utf-8; header=present"),
        ("application/jsonl", "application/jsonl"),
        ("application/x-ndjson, text/csv;q=0.5", "application/jsonl"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("image/png", "application/json"),
        ("nonsense;;q=", "application/json"),
    ],
)
def test_a_client_may_say_by_accept_what_it_takes(
    world: World, client: FlaskClient, accept: str, content_type: str
) -> None:
    answer = client.get("/api/builds", headers={"Accept": accept})

    assert (answer.status_code, answer.content_type) == (200, content_type)
    assert "Accept" in answer.headers["Vary"]


def test_what_the_address_says_goes_before_accept(world: World, client: FlaskClient) -> None:
    answer = client.get("/api/builds?format=json&limit=5", headers={"Accept": "text/csv"})

    assert answer.content_type == "application/json"


def test_a_file_has_a_name_and_is_not_kept(world: World, client: FlaskClient) -> None:
    headers = client.get("/api/builds?format=csv").headers

    assert headers["Cache-Control"] == "no-store"
    assert "ETag" not in headers
    instant = headers["X-As-Of"][:19].replace("-", "").replace(":", "")
    assert headers["Content-Disposition"] == f'attachment; filename="builds-{instant}Z.csv"'


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("format=xml", "format"),
        ("format=csv&limit=0", "limit"),
        ("format=csv&status=broken", "status"),
        ("format=jsonl&cursor=x", "cursor"),
        ("format=jsonl&since=yesterday", "since"),
        ("limit=201", "limit"),
        ("format=json&limit=201", "limit"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_first_byte(
    world: World, client: FlaskClient, query: str, field: str
) -> None:
    answer = client.get(f"/api/builds?{query}")

    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert answer.get_json()["errors"][0]["field"] == field


@pytest.mark.parametrize("path", ["builds/9/jobs", "builds/9/events", "builds/9/changes", "incidents/9/events"])
def test_a_file_of_what_is_not_there_is_a_problem(world: World, client: FlaskClient, path: str) -> None:
    answer = client.get(f"/api/{path}?format=csv")

    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_the_head_of_a_file_is_told_without_it(world: World, client: FlaskClient) -> None:
    world.record(*many_builds(3))

    answer = client.head("/api/builds?format=csv")

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_file_asks_for_the_same_key_as_its_list(full: World) -> None:
    a_delivery(full.engine, state="dead", last_error="smtp.internal said no")
    published = serve(full.engine, host="0.0.0.0", public_read=True)

    assert serve(full.engine, host="0.0.0.0").get("/api/builds?format=csv").status_code == 401
    assert published.get("/api/receivers?format=csv").status_code == 401
    assert b"smtp.internal" not in published.get("/api/deliveries?format=csv").data
    assert b"smtp.internal" in serve(full.engine).get("/api/deliveries?format=csv").data


def test_no_connection_is_held_while_the_reader_takes_its_time(world: World, client: FlaskClient) -> None:
    world.record(*many_builds(PAGE_ROWS + 200))

    answer = client.get("/api/builds?format=jsonl", buffered=False)
    held = [world.engine.pool.checkedout() for _ in answer.response]  # type: ignore[attr-defined]

    assert len(held) > 5
    assert set(held) == {0}


def test_a_page_of_a_file_costs_no_more_than_a_page(world: World, client: FlaskClient) -> None:
    world.record(*many_builds(PAGE_ROWS + 1))

    with statements(world.engine) as sent:
        lines(client.get("/api/builds?format=jsonl").data)

    assert len(sent) == 4


def test_a_compressed_file_is_the_same_file_and_still_written_while_it_is_read(
    world: World, client: FlaskClient
) -> None:
    messages = (random.Random(number).randbytes(200).hex() for number in range(2 * PAGE_ROWS))
    world.record(*(a_build(external_id=f"{n}", commit_message=message) for n, message in enumerate(messages)))
    plain = client.get("/api/builds?format=csv").data

    answer = client.get("/api/builds?format=csv", headers={"Accept-Encoding": "deflate"}, buffered=False)
    pieces: list[Any] = list(answer.response)

    assert answer.headers["Content-Encoding"] == "deflate"
    assert "Content-Length" not in answer.headers
    assert len(pieces) > 2
    assert zlib.decompress(b"".join(pieces)) == plain


GRIDS = {"/api/waterfall"}
"""Answers with pages that are no lists: their rows mean nothing without their columns."""


def test_every_list_of_the_api_is_there_as_a_file(client: FlaskClient) -> None:
    spec = client.get("/api/openapi.json").get_json()
    schemas = spec["components"]["schemas"]

    without = [
        path
        for path, item in spec["paths"].items()
        if "get" in item
        and path not in GRIDS
        and "next_cursor" in str(schemas.get(shape_of(item["get"])))
        and not [each for each in item["get"]["parameters"] if each["name"] == "format"]
    ]

    assert without == []


def shape_of(operation: dict[str, Any]) -> str:
    content = operation["responses"]["200"].get("content", {}).get("application/json", {})
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]


@pytest.fixture
def long(world: World) -> World:
    """More than fits between a server and a reader that does not read."""
    world.record(a_build())
    world.run("""
        INSERT INTO builds (pipeline_id, project_id, external_id, attempt, status, raw_status, is_finished,
                            pipeline_name, commit_message, queued_at)
        SELECT 1, 1, 'x' || n, 1, 'failed', 'failed', true, 'ci', repeat(md5(n::text), 30),
               now() - n * interval '1 second'
        FROM generate_series(1, 30000) n
    """)
    return world


def test_a_file_that_breaks_off_is_not_taken_for_a_whole_one(long: World, database_url: str) -> None:
    with running_api(database_url) as api:
        connection = http.client.HTTPConnection(api.address, timeout=30)
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.request("GET", "/api/builds?format=jsonl")
        answer = connection.getresponse()
        assert answer.status == 200
        first = answer.read(10_000)
        long.run("ALTER TABLE builds RENAME TO builds_away")

        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()

        connection.close()
        assert first
        wait_for(lambda: api.heard("exported"))
        (told,) = [line for line in api.said if line["event"] == "exported"]
        assert (told["end"], told["list"]) == ("broken", "builds")
        assert api.get("/livez")[0] == 200


def test_a_reader_that_leaves_ends_the_work_for_it(long: World, database_url: str) -> None:
    with running_api(database_url) as api:
        connection = http.client.HTTPConnection(api.address, timeout=30)
        connection.request("GET", "/api/builds?format=csv")
        connection.getresponse().read(1000)
        connection.close()

        wait_for(lambda: api.heard("exported"))

        (told,) = [line for line in api.said if line["event"] == "exported"]
        assert told["end"] == "abandoned"


def test_so_many_files_are_written_at_a_time_and_whoever_ends_makes_room(world: World, client: FlaskClient) -> None:
    world.record(*many_builds(3))
    path = "/api/builds?format=jsonl"
    files = [client.get(path, buffered=False) for _ in range(MOST_AT_ONCE)]

    refused = client.get(path)
    page = client.get("/api/builds")
    files[0].close()  # a reader that leaves before the first byte
    assert len(lines(files[1].data)) == 3
    after = [client.get(path, buffered=False) for _ in range(3)]

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    assert "4 files are being written" in refused.get_json()["detail"]
    assert page.status_code == 200
    assert [each.status_code for each in after] == [200, 200, 503]


def test_what_is_refused_or_asked_by_head_keeps_no_place(world: World, client: FlaskClient) -> None:
    for _ in range(MOST_AT_ONCE + 1):
        assert client.get("/api/builds/9/jobs?format=csv").status_code == 404
        client.head("/api/builds?format=csv").close()

    assert client.get("/api/builds?format=csv").status_code == 200


def test_a_reader_is_gone_when_its_end_of_the_connection_is_closed() -> None:
    ours, theirs = socket.socketpair()
    room = BoundedSemaphore(1)
    room.acquire()
    place = Place(room, ours)

    with ours:
        place.check_reader()
        theirs.send(b"GET /the-next HTTP/1.1")
        place.check_reader()
        assert ours.recv(100) == b"GET /the-next HTTP/1.1"
        theirs.close()
        with pytest.raises(BrokenPipeError):
            place.check_reader()


def test_where_the_server_does_not_tell_of_the_reader_an_empty_stretch_has_an_end() -> None:
    place = Place(BoundedSemaphore(1))
    place.check_reader()

    place.last_sent -= MOST_SILENT_SECONDS + 1

    with pytest.raises(TimeoutError):
        place.check_reader()
    place.sent()
    place.check_reader()


def test_a_reader_that_leaves_ends_the_search_for_what_is_rare(long: World, database_url: str) -> None:
    with running_api(database_url) as api:
        connection = http.client.HTTPConnection(api.address, timeout=30)
        connection.request("GET", "/api/builds?format=jsonl&event=nothing-was")
        connection.sock.close()

        wait_for(lambda: api.heard("exported"))

        (told,) = [line for line in api.said if line["event"] == "exported"]
        assert (told["end"], told["bytes"]) == ("abandoned", 0)
        assert not [line for line in api.said if line.get("level") == "error"]
