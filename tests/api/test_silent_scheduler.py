"""An API process notices that no scheduler lives any more, and readers of the stream hear of it; of its return too."""

import time

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from shared import health
from tests.api.stand import an_instance, commit_builds, running_api

NOTICED_SECONDS = 15
"""More than the 10 s between two looks of a worker."""


def test_the_stream_tells_that_the_scheduler_is_silent_and_that_it_is_back(database: Engine, database_url: str) -> None:
    instance_id = an_instance(database)
    with Session(database) as session, session.begin():
        health.beat(session)
        session.execute(text("UPDATE health SET heard_at = clock_timestamp() - interval '55 seconds'"))
    with running_api(database_url) as api:
        everything, only_main = api.connect(timeout=NOTICED_SECONDS + 5), api.connect()
        only_main.subscribe(filter={"branch": "main"})
        began = time.monotonic()

        silent = everything.receive()
        noticed = time.monotonic() - began
        with Session(database) as session, session.begin():
            health.beat(session)
        alive = everything.receive()
        commit_builds(database, instance_id, branch="main")
        build, narrowed = everything.receive(), only_main.receive()

        assert [(one["type"], one["subject_kind"]) for one in (silent, alive)] == [("status", "scheduler")] * 2
        assert [one["data"]["to_status"] for one in (silent, alive)] == ["silent", "alive"]
        assert "nothing is collected" in silent["data"]["reason"]
        assert [one["pos"] for one in (silent, alive, build)] == [1, 2, 3]
        assert [one["prev_pos"] for one in (alive, build, narrowed)] == [1, 2, 0]
        assert narrowed["pos"] == 3
        assert noticed < NOTICED_SECONDS
        everything.close()
        only_main.close()
