"""A receiver, and a world that is told to it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.api.serving import World, a_world
from tests.telemetry.otlp_receiver import OtlpReceiver
from tests.telemetry.sending import catch_up


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture
def world(database: Engine, receiver: OtlpReceiver) -> World:
    """A world whose telemetry is on from the beginning."""
    world = a_world(database)
    catch_up(world, receiver)
    return world
