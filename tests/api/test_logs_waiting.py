"""Waiting for a log in a real API process holds up nobody else there."""

import threading
import time

from sqlalchemy import Engine

from tests.api.serving import a_world
from tests.api.stand import running_api
from tests.factories import a_build

READERS = 20


def test_readers_that_wait_for_a_log_hold_up_nobody(database_url: str, database: Engine) -> None:
    a_world(database).record(a_build())
    statuses: list[int] = []
    with running_api(database_url) as api:
        waiting = [
            threading.Thread(target=lambda: statuses.append(api.get("/api/builds/1/log?wait=4")[0]))
            for _ in range(READERS)
        ]
        began = time.monotonic()
        for each in waiting:
            each.start()
        others = [api.get("/api/builds?limit=1")[0] for _ in range(20)]
        others_took = time.monotonic() - began
        for each in waiting:
            each.join()
        all_took = time.monotonic() - began

    assert others == [200] * 20
    assert others_took < 3.5, "answered while the others wait"
    assert statuses == [202] * READERS
    assert 4 <= all_took < 8, "all wait at the same time"
