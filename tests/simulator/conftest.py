"""A simulator that stands still at noon, and somebody to call it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from simulator import Simulator
from tests.simulator.caller import Caller

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(seed=7, now=NOON, speed=0) as simulator:
        yield simulator


@pytest.fixture
def github(simulator: Simulator) -> Caller:
    return Caller(simulator.url, simulator.token)
