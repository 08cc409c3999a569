"""Faults of the provider: it refuses, lies, stalls, or answers what cannot be."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import psutil

from simulator.faults import Impossible
from tests.chaos.drill import World, drill
from tests.chaos.processes import Speed
from tests.chaos.scene import Scene
from tests.loopback import Loopback


@drill("F10", "the provider answers 500, 502 and 503 in bursts", is_smoke=True)
def server_errors(scene: Scene) -> Iterator[None]:
    calls = 0
    for status in (500, 502, 503):
        before = scene.asked()
        with scene.fault("server_error", status=status):
            scene.nap(3, 5)
        calls += scene.asked() - before
        scene.nap(0.5, 2)
    scene.figures["calls into errors"] = calls
    yield
    scene.expect(calls <= 60, f"{calls} calls in some 12 s of errors is no backing off")


@drill("F12", "the token is revoked", is_smoke=True)
def revoked_token(scene: Scene) -> Iterator[None]:
    with scene.fault("unauthorized"):
        time.sleep(1.5)  # whoever was asking when it was revoked learns of it
        before = scene.asked()
        time.sleep(8)
        after = scene.asked() - before
    scene.token_file.write_text(scene.tokens[1])
    scene.make_due()
    scene.figures["calls after 401"] = after
    yield
    scene.expect(after == 0, f"{after} calls with a token that was refused")


@drill("F29", "the lists of what is active say that there is nothing", is_smoke=True)
def lying_filters(scene: Scene) -> Iterator[None]:
    with scene.fault("empty_list", path="[?&]status="):
        scene.nap(18, 20)
    yield


@drill("F11", "429 and 403 with the time to wait")
def told_to_wait(scene: Scene) -> Iterator[None]:
    told = 4
    early = 0
    for kind in ("too_many_requests", "secondary_limit"):
        with scene.fault(kind, count=1, seconds=told, retry_after="seconds"):
            time.sleep(told + 3)
        early += _asked_within(scene, kind, told - 1)
        scene.nap(1, 2)
    scene.figures["early calls"] = early
    yield
    scene.expect(early == 0, f"{early} calls before the time that was told")
    refused = sum(each.fault in ("too_many_requests", "secondary_limit") for each in scene.simulator.requests())
    scene.expect(refused == 2, f"{refused} refusals instead of 2: the drill hit nothing")


def _asked_within(scene: Scene, kind: str, seconds: float) -> int:
    """Requests to the same site in so many seconds after a fault hit."""
    records = scene.simulator.requests("github")
    hits = [each.at for each in records if each.fault == kind]
    return sum(hit < each.at < hit + timedelta(seconds=seconds) for hit in hits for each in records)


@drill("F13", "a login page with status 200 instead of JSON", is_smoke=True)
def login_page(scene: Scene) -> Iterator[None]:
    with scene.fault("html"):
        time.sleep(1)  # what was asked before it may still be recorded
        before = _head(scene)
        scene.nap(5, 6)
        changes = _head(scene) - before
    scene.figures["changes behind a login page"] = changes
    yield
    scene.expect(changes == 0, f"{changes} changes of state were read from a login page")


@drill("F14", "JSON that ends in the middle, with and without its length told")
def truncated(scene: Scene) -> Iterator[None]:
    for is_hidden in (True, False, True, False):
        with scene.fault("truncated", path="/actions/runs", is_length_hidden=is_hidden):
            scene.nap(1.5, 2.5)
        scene.nap(0.5, 1.5)
    yield


@drill("F15", "answers of 60 MB, and gzip bombs of 500 MB")
def oversized(scene: Scene) -> Iterator[None]:
    before = _memory(scene)
    largest = before
    for kind, size in (("oversized", 60_000_000), ("gzip_bomb", 500_000_000)):
        with scene.fault(kind, path="/actions/runs", size=size, count=3):
            until = time.monotonic() + 7
            while time.monotonic() < until:
                largest = max(largest, _memory(scene))
                time.sleep(0.05)
    scene.figures["more memory, MB"] = (largest - before) / 1e6
    yield
    scene.expect(largest - before < 100e6, f"{(largest - before) / 1e6:.0f} MB more memory for an answer of any size")


def _memory(scene: Scene) -> int:
    """The bytes resident in the largest scheduler."""
    pids = [scheduler.pid for scheduler in scene.stack.schedulers if scheduler.pid is not None]
    return max(psutil.Process(pid).memory_info().rss for pid in pids)


@drill("F16", "an answer a byte a second, and none at all", speed=Speed(lease_seconds=60))
def stalling(scene: Scene) -> Iterator[None]:
    began = time.monotonic()
    with scene.fault("drip", path="/actions/runs\\?", count=1, bytes_per_second=1):
        polled = _wait_for_next_ok(scene, 75)
    scene.figures["longest dripping call"] = time.monotonic() - began
    scene.expect(polled, "an answer that drips kept its source for more than 75 s")
    with scene.fault("silent", path="/actions/runs\\?", count=1):
        time.sleep(1)
    yield


def _wait_for_next_ok(scene: Scene, seconds: float) -> bool:
    """Whether every source is read to its end once more."""
    (row,) = scene.rows("SELECT clock_timestamp() AS now")
    unread = "SELECT count(*) AS n FROM sources WHERE last_poll_at < :now OR last_ok_at < :now"
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if scene.rows(unread, now=row.now)[0].n == 0:
            return True
        time.sleep(0.2)
    return False


@drill("F17", "redirects to another host, and in a circle")
def redirects(scene: Scene) -> Iterator[None]:
    for kind, status in (("redirect_elsewhere", 302), ("redirect_elsewhere", 307), ("redirect_loop", 301)):
        with scene.fault(kind, status=status):
            scene.nap(2.5, 3.5)
        scene.nap(0.5, 1)
    elsewhere = scene.simulator.requests("elsewhere")
    leaked = [each for each in elsewhere if {"authorization", "private-token", "cookie"} & set(each.headers)]
    scene.figures["leaked credentials"] = len(leaked)
    yield
    scene.expect(elsewhere == [], f"another host was asked {len(elsewhere)} times, {len(leaked)} with a credential")


CERTIFICATES = Path(__file__).parents[2] / "shared" / "http" / "certificates"


def _untrusted(ending: ExitStack) -> str:
    """An installation whose certificate nobody vouches for; what it hears would be a credential sent to a stranger."""
    key_pair = (CERTIFICATES / "localhost.pem", CERTIFICATES / "key.pem")
    server = ending.enter_context(Loopback(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", key_pair))
    _STRANGERS.append(server)
    cutter = ending.enter_context(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _CutsHandshake))
    threading.Thread(target=cutter.serve_forever, args=(0.05,), daemon=True).start()
    ending.callback(cutter.shutdown)
    cut = _neighbour(f"https://localhost:{cutter.server_address[1]}", "cut")
    return _neighbour(f"https://localhost:{server.port}") + cut


class _CutsHandshake(socketserver.BaseRequestHandler):
    """Takes a few bytes of the greeting and closes: what is unread makes it a reset."""

    def handle(self) -> None:
        self.request.recv(8)


_STRANGERS: list[Loopback] = []


def _neighbour(url: str, name: str = "neighbour") -> str:
    return f"""
[[providers]]
kind = "github"
name = "{name}"
base_url = "{url}"
token_env = "PATH"
watch = ["acme/web"]
"""


@drill("F18", "a certificate that nobody vouches for, and a handshake that is cut", neighbour=_untrusted)
def untrusted(scene: Scene) -> Iterator[None]:
    time.sleep(8)
    yield
    heard = _STRANGERS.pop().heard
    scene.expect(heard == [], f"{len(heard)} requests went through an untrusted certificate")
    _expect_told(scene, "certificate")


@drill("F19", "a name that no server knows", neighbour=lambda _: _neighbour("http://ci.observatory.invalid"))
def unknown_name(scene: Scene) -> Iterator[None]:
    time.sleep(8)
    yield
    _expect_told(scene, "ci.observatory.invalid")


def _expect_told(scene: Scene, word: str) -> None:
    """The neighbour's trouble has to stand on its source, in words, and on no other."""
    rows = scene.rows("""
        SELECT i.name, s.last_error AS error, s.last_ok_at FROM sources s JOIN instances i ON i.id = s.instance_id""")
    told = {row.name: str(row.error) for row in rows}
    scene.expect(word in told["neighbour"].lower(), f"the source says {told['neighbour']!r}, not what is wrong")
    others = [row.error for row in rows if row.name == "github.com" and row.error is not None]
    scene.expect(others == [], f"other sources failed with it: {others[:1]}")


@drill("F23", "pages that move while they are read, and a next page that is this one", page_size=3)
def drifting_pages(scene: Scene) -> Iterator[None]:
    for _ in range(3):
        with scene.fault("looping_next", path="/actions/runs"):
            scene.nap(2, 3)
        scene.nap(2, 3)
    yield


@drill(
    "F26",
    "a job made anew under its name, and a repository renamed",
    sites=("github", "jenkins"),
    has_old_names=True,
    world=World(runs=45, seconds=15),
)
def same_names(scene: Scene) -> Iterator[None]:
    time.sleep(5)
    yield
    (row,) = scene.rows("SELECT count(*) - count(DISTINCT external_id) AS n FROM repositories")
    scene.expect(row.n == 0, "a renamed repository became two")


@drill("F27", "unknown words, missing fields, dates that are null", may_stay_unknown=True, is_smoke=True)
def unknown_words(scene: Scene) -> Iterator[None]:
    with scene.fault("unknown_words", path="/actions/runs"):
        scene.nap(4, 5)
    for variant in (Impossible.NULL_DATES, Impossible.NULL_REPOSITORY, Impossible.MISSING_ID, Impossible.NO_ZONE):
        with scene.fault("impossible_row", path="/actions/runs\\?", variant=variant, row=scene.dice.randrange(10)):
            scene.nap(1.5, 2)
    (shown,) = scene.rows("SELECT count(*) AS n FROM events WHERE to_status = 'unknown'")
    yield
    (left,) = scene.rows("SELECT count(*) AS n FROM attempts WHERE status = 'unknown'")
    scene.figures |= {"shown as unknown": shown.n, "still unknown": left.n}
    scene.expect(shown.n > 0, "no unknown word was shown as such")


@drill("F28", "NUL, half a character, a megabyte, NaN, a hundred thousand brackets")
def poisoned_rows(scene: Scene) -> Iterator[None]:
    before = _head(scene)
    poisons = (
        Impossible.NUL,
        Impossible.SURROGATE,
        Impossible.MEGABYTE_NAME,
        Impossible.NAN,
        Impossible.DEEP,
        Impossible.HUGE_NUMBER,
        Impossible.LIST_NAME,
        Impossible.YEAR_99999,
    )
    for variant in poisons:
        with scene.fault("impossible_row", path="/actions/runs\\?", variant=variant, row=scene.dice.randrange(10)):
            scene.nap(1.5, 2)
    stored = _head(scene) - before
    scene.figures |= {"stored beside the poison": stored, "put aside": _quarantined(scene)}
    yield
    scene.expect(stored > 0, "nothing was stored beside a poisoned row")


def _quarantined(scene: Scene) -> int:
    return int(scene.rows("SELECT count(*) AS n FROM quarantine")[0].n)


@drill("F30", "the provider's clock two hours off, both ways, and ends before their beginnings")
def skewed_clock(scene: Scene) -> Iterator[None]:
    for seconds in (7200, -7200):
        with scene.fault("skew", seconds=seconds):
            scene.nap(4, 5)
        scene.nap(0.5, 1)
    with scene.fault("impossible_row", path="/actions/runs\\?", variant=Impossible.BACKWARDS, row=3):
        scene.nap(2, 3)
    yield


def _head(scene: Scene) -> int:
    return int(scene.rows("SELECT coalesce(max(pos), 0) AS n FROM events")[0].n)
