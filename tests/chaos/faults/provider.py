"""Faults of the provider: it refuses, lies, stalls, or answers what cannot be."""

import time
from collections.abc import Iterator, Mapping
from datetime import timedelta

import psutil

from simulator.faults import Impossible
from tests.chaos import neighbours
from tests.chaos.drill import Alerts, World, drill
from tests.chaos.processes import Speed
from tests.chaos.scene import Scene
from tests.chaos.stack import wait_until


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


@drill("F12", "the token is revoked", is_smoke=True, alerts=Alerts())
def revoked_token(scene: Scene) -> Iterator[None]:
    github, receivers = "/repos/", scene.ends.alerts.receivers
    with scene.fault("unauthorized"):
        time.sleep(1.5)  # whoever was asking when it was revoked learns of it
        before = scene.asked(github)
        time.sleep(8)
        after = scene.asked(github) - before
        begins = {name: _told_of_us(scene, name) for name in receivers}
    scene.token_file.write_text(scene.tokens[1])
    scene.make_due()
    scene.figures["calls after 401"] = after
    yield
    scene.expect(after == 0, f"{after} calls with a token that was refused")
    scene.expect(set(begins.values()) == {1}, f"while it was refused {begins} messages said so, not one each")
    both = {name: _told_of_us(scene, name) for name in receivers}
    scene.expect(set(both.values()) == {2}, f"{both} messages about it and its end, not two each")


def _told_of_us(scene: Scene, receiver: str) -> int:
    """How many messages about the credential reached a receiver's far side."""
    return sum("github.com" in each.title and "credential" in each.title for each in scene.ends.taken(receiver))


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
        before = _changes(scene)
        scene.nap(5, 6)
        changes = _changes(scene) - before
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


@drill("F15", "answers of 500 MB, and gzip bombs of as much")
def oversized(scene: Scene) -> Iterator[None]:
    before = _memory(scene)
    largest = before
    for kind, size in (("oversized", 500_000_000), ("gzip_bomb", 500_000_000)):
        with scene.fault(kind, path="/actions/runs", size=size, count=3):
            until = time.monotonic() + 7
            while time.monotonic() < until:
                largest = max(largest, _memory(scene))
                time.sleep(0.05)
    hits = sum(each.fault in ("oversized", "gzip_bomb") for each in scene.simulator.requests())
    scene.figures |= {"answers too large": hits, "more memory, MB": (largest - before) / 1e6}
    yield
    scene.expect(hits == 6, f"{hits} answers of 6 were too large: the drill hit too little")
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


@drill(
    "F18",
    "certificates that are self-signed, expired, or another host's, and a handshake that is cut",
    neighbourhood=neighbours.untrusted,
)
def untrusted(scene: Scene) -> Iterator[None]:
    scene.last(8, 30, lambda: scene.neighbours.heard("trusted") >= 3)
    yield
    heard = {name: scene.neighbours.heard(name) for name in scene.neighbours.servers}
    scene.figures["asked the trusted one"] = heard.pop("trusted")
    scene.expect(scene.figures["asked the trusted one"] > 0, "nobody was asked, so the drill says nothing")
    scene.expect(not any(heard.values()), f"requests went through a certificate that is not trusted: {heard}")
    _expect_told(
        scene,
        {
            "self-signed": "its certificate is not trusted: self",
            "expired": "its certificate is not trusted: certificate has expired",
            "wrong-host": "certificate is not valid for 'localhost'",
            "cut": "cannot be reached",
        },
    )


ASTRAY = ("169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "0.0.0.0")


@drill("F19", "a name that no server knows, and one that flips to 169.254.169.254", neighbourhood=neighbours.misled)
def misleading_names(scene: Scene) -> Iterator[None]:
    scene.expect(_is_asked_again(scene), "the neighbour was not asked while its name led to it")
    for address in ASTRAY:
        scene.names.lead({neighbours.FLIPPING: address})
        scene.make_due()
        _expect_told(scene, {"flipping": f"{neighbours.FLIPPING} leads to {address}, ", "unknown": neighbours.UNKNOWN})
    scene.names.lead({neighbours.FLIPPING: "127.0.0.1"})
    scene.expect(_is_asked_again(scene), "the neighbour was not asked again when its name led back to it")
    yield
    connects = sum(scene.names.connected(address) for address in ASTRAY)
    scene.figures |= {
        "look-ups that led astray": sum(scene.names.looked_up(address) for address in ASTRAY),
        "forbidden connects": connects,
    }
    scene.expect(scene.names.connected("127.0.0.1") > 0, "no connection was noted, so the drill says nothing")
    scene.expect(connects == 0, f"{connects} connections to where a name may not lead")


def _is_asked_again(scene: Scene) -> bool:
    before = scene.neighbours.heard("flipping")
    scene.make_due()
    return wait_until(lambda: scene.neighbours.heard("flipping") > before, seconds=30)


def _expect_told(scene: Scene, words: Mapping[str, str]) -> None:
    """Each neighbour's trouble comes to stand on its source, in words, and nothing on any other's."""
    wait_until(lambda: all(words.get(name, "") in told for name, told in _told(scene).items()), seconds=20)
    for name, told in _told(scene).items():
        scene.expect(words.get(name, "") in told, f"the source of {name} says {told!r}, not what is wrong")
        scene.expect(name in words or not told, f"the source of {name} failed with others: {told!r}")


def _told(scene: Scene) -> dict[str, str]:
    """What stands on the sources of each installation: one of the troubles, or nothing."""
    rows = scene.rows("""
        SELECT i.name, coalesce(max(s.last_error), '') AS error
        FROM sources s JOIN instances i ON i.id = s.instance_id GROUP BY i.name""")
    return {row.name: row.error for row in rows}


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


@drill("F28", "NUL, half a character, a megabyte, NaN, a hundred thousand brackets", is_smoke=True)
def poisoned_rows(scene: Scene) -> Iterator[None]:
    before = _changes(scene)
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
    stored = _changes(scene) - before
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


def _changes(scene: Scene) -> int:
    return int(scene.rows("SELECT count(*) AS n FROM events WHERE subject_kind = 'build'")[0].n)
