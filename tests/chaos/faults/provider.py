"""Faults of the provider: it refuses, lies, stalls, or answers what cannot be."""

import time
from collections.abc import Iterator

from tests.chaos.drill import World, drill
from tests.chaos.scene import Scene


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


@drill("F20", "answers older than what is known already", is_smoke=True, world=World(runs=60, seconds=25))
def stale_pages(scene: Scene) -> Iterator[None]:
    for _ in range(10):
        with scene.fault("stale", path="/actions/runs\\?", seconds=scene.dice.uniform(2, 12)):
            scene.nap(0.8, 1.6)
        scene.nap(0.3, 1.0)
    yield


@drill("F29", "the lists of what is active say that there is nothing", is_smoke=True)
def lying_filters(scene: Scene) -> Iterator[None]:
    with scene.fault("empty_list", path="[?&]status="):
        scene.nap(18, 20)
    yield
