"""The scheduler sends telemetry by itself, and killed while it does so it loses nothing."""

from pathlib import Path

from sqlalchemy import Engine

from shared.database import libpq_url
from tests.api.serving import World, a_world
from tests.api.stand import wait_for
from tests.factories import NOON, a_build, a_job, minutes
from tests.scheduler_process import start_scheduler
from tests.telemetry.otlp_receiver import OtlpReceiver, told

CONFIG = """
[logging]
level = "error"
[telemetry]
endpoint = "{url}"
"""


def sent(world: World) -> int:
    return int(world.ask("SELECT sent FROM telemetry"))


def test_a_scheduler_killed_while_it_sends_loses_nothing(database: Engine, database_url: str, folder: Path) -> None:
    world = a_world(database)
    world.run("INSERT INTO telemetry (pos) VALUES (0)")
    runs = [f"{number}" for number in range(150)]
    world.record(*(a_build(external_id=run, queued_at=NOON + minutes(int(run)), jobs=(a_job(),)) for run in runs))
    config = folder / "config.toml"
    environment = {"DATABASE_URL": libpq_url(database_url)}

    with OtlpReceiver() as receiver:
        config.write_text(CONFIG.format(url=receiver.url))
        receiver.may_answer.clear()
        first = start_scheduler(config, environment)
        assert receiver.has_heard.wait(30)
        first.kill()
        first.join()
        receiver.may_answer.set()
        sent_before = sent(world)
        world.run("UPDATE telemetry SET lease_until = now()")  # the minute that its lease lasts is over
        second = start_scheduler(config, environment)
        try:
            wait_for(lambda: sent(world) == len(runs), 30)
        finally:
            second.kill()
            second.join()

    assert sent_before == 0
    assert sorted(str(told(root.attributes)["cicd.pipeline.run.id"]) for root in receiver.roots()) == sorted(runs)
    assert all([span.name for span in receiver.below(root)] == ["test"] for root in receiver.roots())
