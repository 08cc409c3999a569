"""The simulated providers' webhooks: real requests, signed as each provider signs, as badly delivered as asked."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from simulator import Simulator
from simulator.hooks import SITES
from tests.simulator.caller import Caller
from tests.simulator.conftest import NOON

SECRET = "the-secret-of-this-test"


class Taker:
    """A receiver that takes everything; `taken` are (path, headers, body) in the order of their arrival."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.taken.append((self.path, {name.lower(): text for name, text in self.headers.items()}, body))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)


@pytest.fixture
def taker() -> Iterator[Taker]:
    taker = Taker()
    taker.thread.start()
    yield taker
    taker.server.shutdown()
    taker.server.server_close()
    taker.thread.join()


@pytest.fixture
def drill() -> Iterator[Simulator]:
    with Simulator(seed=7, profile="drill", runs=6, seconds=5, now=NOON, speed=0) as simulator:
        yield simulator


def play(simulator: Simulator, taker: Taker, **asked: object) -> dict[str, int]:
    """Send everything that ever happens, and the counts once nothing waits."""
    caller = Caller(simulator.url)
    targets = {site: {"url": f"{taker.url}/{site}", "secret": SECRET} for site in SITES}
    assert caller.call("POST", "/_control/hooks", {**targets, **asked}).status == 200
    simulator.clock.advance(300)
    over = simulator.clock.now()
    wait_for(lambda: simulator.hooks.report()["told_until"] == over and simulator.hooks.report()["waiting"] == 0)
    counts = caller.get("/_control/hooks").json["counts"]
    assert isinstance(counts, dict)
    return counts


def wait_for(is_true: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_everything_that_happens_is_posted_once_and_github_signs_it(drill: Simulator, taker: Taker) -> None:
    counts = play(drill, taker)

    assert counts == {"made": len(taker.taken), "202": len(taker.taken)}
    assert {path for path, _, _ in taker.taken} == {f"/{site}" for site in SITES}
    for path, headers, body in taker.taken:
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if path == "/github":
            assert headers["x-hub-signature-256"] == f"sha256={digest}"
        if path == "/gitlab":
            assert headers["x-gitlab-token"] == SECRET


def test_the_last_word_about_every_run_is_how_it_truly_ended(drill: Simulator, taker: Taker) -> None:
    play(drill, taker)

    last: dict[tuple[str, int], str] = {}
    for _, headers, body in taker.taken:
        if headers.get("x-github-event") == "workflow_run":
            run = json.loads(body)["workflow_run"]
            last[str(run["id"]), run["run_attempt"]] = run["conclusion"] or run["status"]
    truth = {(str(entry["external_id"]), int(str(entry["attempt"]))) for entry in drill.ledger()}
    assert last.keys() == truth
    assert set(last.values()) & {"queued", "in_progress"} == set()


def test_the_same_seed_loses_the_same_webhooks(taker: Taker) -> None:
    taken = []
    for _ in range(2):
        with Simulator(seed=7, profile="drill", runs=6, seconds=5, now=NOON, speed=0) as simulator:
            counts = play(simulator, taker, lost=0.5)
            told = [(path, json.loads(body).get("action")) for path, _, body in taker.taken if path == "/github"]
            taken.append((counts["lost"], sorted(told, key=str)))
            taker.taken.clear()

    assert taken[0] == taken[1]


def test_a_repeated_delivery_is_the_same_delivery(drill: Simulator, taker: Taker) -> None:
    counts = play(drill, taker, copies=3)

    assert counts["202"] == 3 * counts["made"]
    ids = [headers["x-github-delivery"] for path, headers, _ in taker.taken if path == "/github"]
    assert len(ids) == 3 * len(set(ids))


def test_shuffled_webhooks_of_one_run_overtake_each_other(drill: Simulator, taker: Taker) -> None:
    play(drill, taker, shuffled_seconds=0.5)

    ids = [headers["x-github-delivery"] for path, headers, _ in taker.taken if path == "/github"]
    assert ids != sorted(ids)


def test_what_is_no_way_to_deliver_is_refused_in_words(drill: Simulator) -> None:
    caller = Caller(drill.url)

    answers = [caller.call("POST", "/_control/hooks", body) for body in ({"lost": 2}, {"github": "x"}, {"losd": 1})]

    assert [answer.status for answer in answers] == [400, 400, 400]
    assert "lost should be a number from 0 to 1" in str(answers[0].json["error"])


def test_nothing_is_told_of_what_happened_before(drill: Simulator, taker: Taker) -> None:
    drill.clock.advance(300)

    counts = play(drill, taker)

    assert counts == {}
    assert drill.hooks.happenings("github", NOON - timedelta(days=1), NOON + timedelta(seconds=300))
