"""Sending what has ended, and what the database keeps of that."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from shared.clock import utc_now
from shared.config.telemetry import TelemetrySettings
from telemetry.sender import Sender
from tests.api.serving import World
from tests.telemetry.otlp_receiver import OtlpReceiver

AT_ONCE = timedelta(0)
AFTER_THE_WAIT = timedelta(seconds=61)


def a_sender(world: World, receiver: OtlpReceiver, **settings: Any) -> Sender:
    return Sender(world.engine, TelemetrySettings(endpoint=receiver.url, **settings), receiver.url)


def catch_up(world: World, receiver: OtlpReceiver, after: timedelta = AT_ONCE, **settings: Any) -> int:
    return a_sender(world, receiver, **settings).catch_up(utc_now() + after)


def standing(world: World) -> dict[str, Any]:
    with world.engine.connect() as connection:
        return dict(connection.execute(text("SELECT * FROM telemetry")).mappings().one())
