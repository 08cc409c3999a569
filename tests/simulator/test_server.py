"""The simulator as a whole: its control route, its clock, its process."""

import json
import os
import select
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection

import pytest

from simulator import TOKEN, Simulator
from simulator.clock import SimulatedClock
from simulator.slack import HOOK
from tests.simulator.caller import Caller
from tests.simulator.conftest import NOON

RUNS = "/repos/lumen-shop/checkout/actions/runs"


def test_the_clock_runs_faster_stands_still_and_jumps() -> None:
    ticks = [100.0]
    clock = SimulatedClock(NOON, speed=60, ticks=lambda: ticks[0])

    ticks[0] += 2
    assert clock.now() == NOON + timedelta(minutes=2)
    clock.run_at(0)
    ticks[0] += 1000
    assert clock.now() == NOON + timedelta(minutes=2)
    clock.advance(-180)
    assert clock.now() == NOON - timedelta(minutes=1)
    clock.set(NOON)
    clock.run_at(1)
    ticks[0] += 5
    assert clock.now() == NOON + timedelta(seconds=5)


def test_builds_go_on_as_the_clock_does(simulator: Simulator, github: Caller) -> None:
    before = github.get(RUNS).json["total_count"]

    simulator.clock.advance(86_400)

    assert int(str(github.get(RUNS).json["total_count"])) == int(str(before)) + 12


def test_faults_are_injected_seen_and_healed_over_the_control_route(simulator: Simulator, github: Caller) -> None:
    added = github.call("POST", "/_control/faults", {"kind": "server_error", "path": "/runs$", "status": 503})

    assert github.get(RUNS).status == 503
    (seen,) = list(github.get("/_control/faults").json["faults"])  # type: ignore[call-overload]
    assert (seen["id"], seen["hits"], seen["status"]) == (added.json["id"], 1, 503)
    github.call("DELETE", f"/_control/faults?id={added.json['id']}")
    assert github.get(RUNS).status == 200
    github.call("POST", "/_control/faults", {"kind": "html"})
    github.call("DELETE", "/_control/faults")
    assert github.get(RUNS).json["total_count"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_control/faults", {"kind": "nonsense"}),
        ("/_control/faults", ["kind"]),
        ("/_control/clock", {"set": "yesterday"}),
        ("/_control/clock", {"set": "2026-01-01T00:00:00"}),
        ("/_control/clock", {"sett": 1}),
        ("/_control/budget", {"used": "all"}),
    ],
)
def test_mistakes_on_the_control_route_are_said_in_words(github: Caller, path: str, body: object) -> None:
    reply = github.call("POST", path, body)

    assert reply.status == 400
    assert len(str(reply.json["error"])) > 10
    assert github.get("/_control/nothing").status == 404


def test_the_clock_is_driven_over_the_control_route(simulator: Simulator, github: Caller) -> None:
    told = github.call("POST", "/_control/clock", {"set": "2026-03-05T00:00:00Z", "advance": 60, "speed": 0})

    assert told.json == {"now": "2026-03-05T00:01:00+00:00", "speed": 0.0}
    assert simulator.clock.now() == datetime(2026, 3, 5, 0, 1, tzinfo=UTC)


def test_every_request_is_kept_with_its_headers_but_without_its_secret(simulator: Simulator, github: Caller) -> None:
    github.get(RUNS, X_Canary="yes")

    reply = github.get("/_control/requests?site=github")

    (record,) = list(reply.json["requests"])  # type: ignore[call-overload]
    assert (record["method"], record["target"], record["status"]) == ("GET", RUNS, 200)
    assert record["headers"]["x-canary"] == "yes"
    assert record["headers"]["authorization"].startswith("sha256:")
    assert TOKEN not in reply.body.decode()
    github.call("DELETE", "/_control/requests")
    assert simulator.requests() == []


def test_the_ledger_tells_now_and_the_end(simulator: Simulator, github: Caller) -> None:
    now, end = (github.get(f"/_control/ledger{query}").json for query in ("", "?at=end"))

    assert now["attempts"] == json.loads(json.dumps(simulator.ledger()))
    assert end["attempts"] == json.loads(json.dumps(simulator.ledger(at_end=True)))
    assert len(str(end["attempts"])) > len(str(now["attempts"]))


def test_the_budget_can_be_set(github: Caller) -> None:
    github.call("POST", "/_control/budget", {"token": TOKEN, "used": 5000})

    assert github.get(RUNS).status == 403


@pytest.mark.parametrize(("size", "least"), [(1, 5_000), (30, 300_000)])
def test_a_page_takes_a_few_milliseconds(simulator: Simulator, size: int, least: int) -> None:
    connection = HTTPConnection(simulator.url.removeprefix("http://"))
    times = []
    for _ in range(30):
        began = time.perf_counter()
        connection.request("GET", f"{RUNS}?per_page={size}", headers={"User-Agent": "test"})
        assert len(connection.getresponse().read()) > least
        times.append(time.perf_counter() - began)
    connection.close()

    # Without buffered writes, or with Nagle, every answer would wait 40 ms for a delayed ACK.
    assert statistics.median(times) < 0.030


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    command = [sys.executable, "-m", "simulator", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert select.select([child.stdout], [], [], 20)[0]
            yield child, json.loads(child.stdout.readline())
        finally:
            child.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_where_it_is_and_ends_at_once_when_told(number: signal.Signals) -> None:
    with process("--profile", "demo") as (child, said):
        github = Caller(str(said["url"]), str(said["token"]))
        assert github.get(RUNS).rows
        github.call("POST", "/_control/faults", {"kind": "silent"})
        hanging = HTTPConnection(str(said["url"]).removeprefix("http://"))
        hanging.request("GET", RUNS)

        began = time.monotonic()
        child.send_signal(number)

        assert child.wait(5) == 0
        assert time.monotonic() - began < 2
        hanging.close()


def test_the_process_tells_what_slack_took_when_asked_to() -> None:
    with process("--profile", "demo", "--tell-messages") as (child, said):
        slack = Caller(str(said["slack"]).removesuffix(HOOK))
        slack.call("POST", HOOK, {"text": "checkout broke\non main"})

        assert child.stdout is not None
        assert json.loads(child.stdout.readline()) == {"message": "checkout broke\non main"}
        child.send_signal(signal.SIGTERM)
        assert child.wait(5) == 0


def test_the_process_ends_with_its_parent() -> None:
    parent_program = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-m', 'simulator'], stdout=subprocess.PIPE, "
        "text=True); print(child.pid, child.stdout.readline(), flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", parent_program], stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline().partition(" ")[0])
        parent.kill()
        parent.wait()

        deadline = time.monotonic() + 10
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_alive(pid)


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not os.path.isdir("/proc")  # noqa: PTH112


def test_a_port_that_is_taken_is_said_in_words(simulator: Simulator) -> None:
    port = simulator.url.rpartition(":")[2]
    command = [sys.executable, "-m", "simulator", "--port", port]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    assert ended.returncode == 1
    assert "another --port" in ended.stderr


def test_defects_of_the_simulator_itself_do_not_go_unnoticed() -> None:
    broken = Simulator(now=NOON, speed=0)
    broken.github.settings.tokens = None  # type: ignore[assignment]

    with pytest.raises(RuntimeError, match="simulator itself failed"), broken:
        break_it(Caller(broken.url, TOKEN))


def break_it(github: Caller) -> None:
    with pytest.raises(ConnectionError):
        github.get(RUNS)
