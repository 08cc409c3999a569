"""Each fault does on the wire what it says."""

import gzip
import socket
import time
from email.utils import parsedate_to_datetime

import orjson
import pytest

from simulator import TOKEN, Simulator
from simulator.faults import FaultKind, Impossible, parse_fault
from tests.simulator.caller import Caller, read_all, request_text, send_raw
from tests.simulator.conftest import NOON

RUNS = "/repos/lumen-shop/checkout/actions/runs?per_page=5"
SECONDARY = "secondary rate limit"


@pytest.mark.parametrize(
    ("settings", "status", "wait"),
    [
        ({"kind": "too_many_requests", "seconds": 7}, 429, "7"),
        ({"kind": "too_many_requests", "retry_after": "none"}, 429, None),
        ({"kind": "secondary_limit", "seconds": 2}, 403, "2"),
        ({"kind": "secondary_limit", "retry_after": "none"}, 403, None),
        ({"kind": "secondary_limit", "retry_after": "limited_by"}, 403, None),
    ],
)
def test_limits_come_in_every_recorded_shape(
    simulator: Simulator, github: Caller, settings: dict[str, object], status: int, wait: str | None
) -> None:
    simulator.faults.add(parse_fault(settings))

    reply = github.get(RUNS)

    assert (reply.status, reply.headers.get("Retry-After")) == (status, wait)
    assert SECONDARY in str(reply.json["message"])
    assert ("gh-limited-by" in reply.headers) == (settings.get("retry_after") == "limited_by")
    assert reply.headers.get("X-RateLimit-Remaining") == (None if status == 429 else "4000")


def test_a_wait_can_be_told_as_a_date(simulator: Simulator, github: Caller) -> None:
    simulator.fault("too_many_requests", retry_after="date", seconds=90)

    reply = github.get(RUNS)

    told = parsedate_to_datetime(reply.headers["Retry-After"])
    assert (told - NOON).total_seconds() == 90
    assert parsedate_to_datetime(reply.headers["Date"]) == NOON


def test_the_primary_limit_names_its_reset(simulator: Simulator, github: Caller) -> None:
    simulator.fault("primary_limit", seconds=600)

    reply = github.get(RUNS)

    assert (reply.status, reply.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert int(reply.headers["X-RateLimit-Reset"]) == int(NOON.timestamp()) + 600
    assert "Retry-After" not in reply.headers


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"kind": "server_error", "status": 500}, 500),
        ({"kind": "server_error", "status": 503}, 503),
        ({"kind": "unauthorized"}, 401),
        ({"kind": "forbidden"}, 403),
        ({"kind": "not_found"}, 404),
    ],
)
def test_errors_have_their_status(
    simulator: Simulator, github: Caller, settings: dict[str, object], status: int
) -> None:
    simulator.faults.add(parse_fault(settings))

    reply = github.get(RUNS)

    assert reply.status == status
    assert SECONDARY not in reply.body.decode()


def test_a_login_page_is_a_200(simulator: Simulator, github: Caller) -> None:
    simulator.fault("html")

    reply = github.get(RUNS)

    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert reply.body.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("is_length_hidden", [False, True])
def test_an_answer_is_cut_with_and_without_a_length(
    simulator: Simulator, github: Caller, is_length_hidden: bool
) -> None:
    whole = github.get(RUNS).body
    simulator.fault("truncated", is_length_hidden=is_length_hidden)

    with send_raw(simulator.url, request_text(RUNS, token=TOKEN, close=False)) as connection:
        head, _, body = read_all(connection).partition(b"\r\n\r\n")

    assert body == whole[: len(whole) // 2]
    assert (f"Content-Length: {len(whole)}".encode() in head) != is_length_hidden


def test_a_drip_sends_the_head_at_once_and_a_byte_a_second(simulator: Simulator) -> None:
    simulator.fault("drip")

    with send_raw(simulator.url, request_text(RUNS, token=TOKEN), timeout=0.8) as connection:
        head = connection.recv(65_536)
        first = head.partition(b"\r\n\r\n")[2] or connection.recv(65_536)
        with pytest.raises(TimeoutError):
            connection.recv(65_536)

    assert head.startswith(b"HTTP/1.1 200")
    assert first == b"{"


def test_silence_is_silence_and_ends_with_the_client(simulator: Simulator, github: Caller) -> None:
    simulator.fault("silent", count=1)

    with (
        send_raw(simulator.url, request_text(RUNS, token=TOKEN), timeout=0.3) as connection,
        pytest.raises(TimeoutError),
    ):
        connection.recv(1)

    assert github.get(RUNS).status == 200


@pytest.mark.parametrize("kind", ["reset", "reset_after"])
def test_a_reset_is_a_reset(simulator: Simulator, kind: str) -> None:
    simulator.fault(kind)

    with send_raw(simulator.url, request_text(RUNS, token=TOKEN)) as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)


def test_an_oversized_body_is_valid_and_as_large_as_asked(simulator: Simulator, github: Caller) -> None:
    simulator.fault("oversized", size=3_000_000)

    reply = github.get(RUNS)

    assert len(reply.body) == 3_000_000
    assert reply.rows == []


def test_a_gzip_bomb_is_small_on_the_wire(simulator: Simulator, github: Caller) -> None:
    simulator.fault("gzip_bomb", size=30_000_000)

    reply = github.get(RUNS)

    assert reply.headers["Content-Encoding"] == "gzip"
    assert len(reply.body) < 100_000
    assert len(gzip.decompress(reply.body)) == 30_000_000


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_elsewhere_names_another_host_that_records_what_it_hears(
    simulator: Simulator, github: Caller, status: int
) -> None:
    simulator.fault("redirect_elsewhere", status=status)

    reply = github.get(RUNS)
    careless = Caller(simulator.elsewhere_url, TOKEN).get(reply.headers["Location"])

    assert reply.status == status
    assert reply.headers["Location"] == simulator.elsewhere_url + RUNS
    assert careless.status == 200
    (heard,) = simulator.requests("elsewhere")
    assert "authorization" in heard.headers
    assert TOKEN not in str(heard)


def test_a_redirect_can_lead_to_itself(simulator: Simulator, github: Caller) -> None:
    simulator.fault("redirect_loop")

    assert github.get(RUNS).headers["Location"] == simulator.url + RUNS


def test_next_can_loop(simulator: Simulator, github: Caller) -> None:
    simulator.fault("looping_next")

    second = github.get(f"{RUNS}&page=2")

    assert (second.link("next") or "").endswith("?per_page=5&page=2")


def test_a_stale_page_is_the_page_of_then(simulator: Simulator, github: Caller) -> None:
    then = github.get(RUNS).rows
    simulator.clock.advance(6 * 3600)
    assert github.get(RUNS).rows != then

    simulator.fault("stale", seconds=6 * 3600)

    assert github.get(RUNS).rows == then


def test_a_skewed_clock_shifts_every_instant_and_the_date(simulator: Simulator, github: Caller) -> None:
    sound = github.get(RUNS)
    simulator.fault("skew", seconds=-7200)

    skewed = github.get(RUNS)

    assert (parsedate_to_datetime(skewed.headers["Date"]) - NOON).total_seconds() == -7200
    for before, after in zip(sound.rows, skewed.rows, strict=True):
        shifted = parse(str(before["created_at"])) - parse(str(after["created_at"]))
        assert shifted == 7200
        assert before["id"] == after["id"]


def parse(stamp: str) -> int:
    return int(time.mktime(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")))


@pytest.mark.parametrize("variant", Impossible)
def test_one_row_is_impossible_and_the_others_are_sound(simulator: Simulator, github: Caller, variant: str) -> None:
    sound = github.get(RUNS)
    simulator.fault("impossible_row", variant=variant, row=2)

    poisoned = github.get(RUNS)

    assert poisoned.status == 200
    assert "ETag" not in poisoned.headers
    assert poisoned.body != sound.body
    pieces = [orjson.dumps(row) for index, row in enumerate(sound.rows) if index != 2]
    assert all(piece in poisoned.body for piece in pieces)
    assert orjson.dumps(sound.rows[2]) not in poisoned.body


def test_what_no_writer_writes_arrives_as_it_is(simulator: Simulator, github: Caller) -> None:
    bodies = {}
    for variant in ("nan", "surrogate", "deep", "nul"):
        number = simulator.fault("impossible_row", variant=variant)
        bodies[variant] = github.get(RUNS).body
        simulator.faults.remove(number)

    assert b'"run_attempt":NaN' in bodies["nan"]
    assert rb'"name":"half \ud83d a face"' in bodies["surrogate"]
    assert b'"pull_requests":' + b"[" * 100_000 in bodies["deep"]
    assert rb"a\u0000b" in bodies["nul"]


def test_words_nobody_knows_and_lists_that_lie(simulator: Simulator, github: Caller) -> None:
    simulator.fault("unknown_words", count=1)
    words = {(row["status"], row["conclusion"]) for row in github.get(RUNS).rows}

    simulator.fault("empty_list")

    assert words <= {("completed", "half_full"), ("hibernating", None)}
    assert github.get(RUNS).json == {"total_count": 0, "workflow_runs": []}


def test_headers_can_be_left_out(simulator: Simulator, github: Caller) -> None:
    simulator.fault("without_headers", names=["Date", "x-ratelimit-remaining"])

    headers = github.get(RUNS).headers

    assert "Date" not in headers
    assert "X-RateLimit-Remaining" not in headers
    assert "X-RateLimit-Limit" in headers


def test_a_fault_hits_by_path_method_skip_and_count(simulator: Simulator, github: Caller) -> None:
    number = simulator.fault("server_error", path="/jobs", method="GET", skip=1, count=2)
    run = github.get(RUNS).rows[0]

    statuses = [github.get(f"{run['url']}/jobs").status for _ in range(4)]

    assert statuses == [200, 502, 502, 200]
    assert [record.fault for record in simulator.requests()] == [None, None, "server_error", "server_error", None]
    assert simulator.faults.report()[0]["hits"] == 2
    assert simulator.faults.remove(number)
    assert not simulator.faults.remove(number)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"kind": "nonsense"},
        {"kind": "html", "paht": "/"},
        {"kind": "html", "path": "("},
        {"kind": "html", "count": "x"},
    ],
)
def test_a_fault_that_does_not_exist_is_refused_in_words(content: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_fault(content)


def test_every_kind_of_fault_is_answered_by_every_site(simulator: Simulator) -> None:
    for site, base in (
        ("github", simulator.url),
        ("slack", simulator.slack_url),
        ("elsewhere", simulator.elsewhere_url),
    ):
        for kind in FaultKind:
            number = simulator.fault(kind, site=site, count=1)
            with send_raw(base.partition("/services")[0], request_text(RUNS, token=TOKEN), timeout=0.2) as connection:
                try:
                    first = connection.recv(12)
                except (TimeoutError, ConnectionResetError):
                    first = b"HTTP/1.1"
            simulator.faults.remove(number)
            assert first.startswith(b"HTTP/1.1"), (site, kind)

    assert simulator.failures == ()


def test_closing_ends_what_hangs(simulator: Simulator) -> None:
    simulator.fault("silent")
    hanging: list[socket.socket] = [send_raw(simulator.url, request_text(RUNS, token=TOKEN)) for _ in range(5)]
    deadline = time.monotonic() + 10
    while len(simulator.requests()) < len(hanging):
        assert time.monotonic() < deadline

    began = time.monotonic()
    simulator.close()

    assert time.monotonic() - began < 2
    for connection in hanging:
        with connection:
            assert connection.recv(1) == b""
