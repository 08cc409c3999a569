"""Faults of webhooks: lost, forged, replayed, too large, too many, or overtaken by an older page."""

import hashlib
import hmac
import http.client
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.chaos import alert_oracle
from tests.chaos.drill import Alerts, drill
from tests.chaos.faults.news import expect_told_as_in_truth
from tests.chaos.scene import WEBHOOK_SECRET, Scene
from tests.chaos.stack import wait_until


@drill("F20", "pages older than what webhooks told", is_smoke=True, has_api=True, has_webhooks=True)
def stale_pages(scene: Scene) -> Iterator[None]:
    scene.send_webhooks()
    for _ in range(10):
        with scene.fault("stale", path="/actions/runs\\?", seconds=scene.dice.uniform(2, 12)):
            scene.nap(0.8, 1.6)
        scene.nap(0.3, 1.0)
    _await_a_webhook(scene)
    yield
    _expect_by_webhook(scene, 1)


@drill(
    "F21",
    "webhooks that come five times, late, and out of their order",
    has_api=True,
    has_webhooks=True,
    floor_seconds=4,
    alerts=Alerts(),
)
def shuffled_webhooks(scene: Scene) -> Iterator[None]:
    scene.send_webhooks(copies=5, shuffled_seconds=8.0, delayed_seconds=2.0)
    scene.nap(20, 22)
    yield
    wait_until(lambda: scene.simulator.hooks.report()["waiting"] == 0, seconds=20)
    _expect_by_webhook(scene, 1)
    expect_told_as_in_truth(scene)
    meant = {name: len(alert_oracle.told(scene.database, name).titles) for name in scene.ends.alerts.receivers}
    taken = {name: len(scene.ends.taken(name)) for name in scene.ends.alerts.receivers}
    scene.expect(taken == meant, f"{taken} messages came, {meant} were meant")


@drill("F22", "a third of the webhooks lost, then all of them", has_api=True, has_webhooks=True, floor_seconds=4)
def lost_webhooks(scene: Scene) -> Iterator[None]:
    scene.send_webhooks(lost=0.3)
    scene.nap(8, 9)
    _await_a_webhook(scene)
    scene.send_webhooks(lost=1.0)
    scene.nap(6, 7)
    yield
    _expect_by_webhook(scene, 1)


def _await_a_webhook(scene: Scene) -> None:
    """On a busy machine polls may be first for a while; without one change learnt by webhook the drill says nothing."""
    wait_until(lambda: _by_webhook(scene) > 0, seconds=30)


def _by_webhook(scene: Scene) -> int:
    (row,) = scene.rows("SELECT count(*) AS n FROM events WHERE via = 'webhook'")
    return int(row.n)


def _expect_by_webhook(scene: Scene, least: int) -> None:
    learnt = _by_webhook(scene)
    scene.figures["learnt by webhook"] = learnt
    scene.expect(learnt >= least, "no change was learnt by a webhook, so the drill says nothing")


@drill("F54", "webhooks forged, replayed, enormous, and more than can be", has_api=True, has_webhooks=True)
def hostile_webhooks(scene: Scene) -> Iterator[None]:
    scene.send_webhooks()
    port = scene.stack.port
    good = json.dumps({"action": "ping", "zen": "drill"}).encode()
    forged = [_post(port, good, secret="not-the-secret")[0] for _ in range(20)]
    replayed = [_post(port, good)[0] for _ in range(20)]
    enormous, _ = _post(port, b'{"padding": "' + b"x" * 26_000_000 + b'"}')
    with ThreadPoolExecutor(8) as senders:
        flood = list(senders.map(lambda number: _post(port, b'{"n": %d}' % number), range(1000)))
    scene.figures |= {
        "stored of 1000": sum(status == 202 for status, _ in flood),
        "slowest 2xx": max((seconds for status, seconds in flood if status < 300), default=0.0),
    }
    yield
    scene.expect(set(forged) == {401}, f"forged webhooks were answered {dict(Counter(forged))}")
    scene.expect(set(replayed) <= {200, 202}, f"replayed webhooks were answered {dict(Counter(replayed))}")
    scene.expect(enormous in {0, 413}, f"a body of 26 MB was answered {enormous}")
    scene.expect({status for status, _ in flood} <= {200, 202, 429, 503}, f"{Counter(status for status, _ in flood)}")
    scene.expect(scene.figures["slowest 2xx"] <= 2.0, f"a good webhook waited {scene.figures['slowest 2xx']:.1f} s")


def _post(port: int, body: bytes, *, secret: str = WEBHOOK_SECRET) -> tuple[int, float]:
    """The status and seconds of one delivery; 0 when the server hung up on it."""
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": hashlib.sha256(body).hexdigest()[:36],
        "X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    began = time.monotonic()
    try:
        connection.request("POST", "/webhooks/github/github.com", body, headers)
        return connection.getresponse().status, time.monotonic() - began
    except OSError:
        return 0, time.monotonic() - began
    finally:
        connection.close()
