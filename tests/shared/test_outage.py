"""An outage is told once at once, then ever more rarely, and its end is told too."""

import pytest
from structlog.testing import capture_logs

from shared.outage import Outage


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_outage_of_five_minutes_is_nine_lines_and_one_when_it_is_over() -> None:
    clock = Clock()
    outage = Outage(clock=clock)

    with capture_logs() as told:
        for _ in range(300):
            outage.failed("could not read the log", OSError("connection refused\nIs the server running?"))
            clock.now += 1
        outage.is_over()
        outage.is_over()

    assert [line["event"] for line in told] == ["could not read the log"] * 9 + ["database is back"]
    assert (told[0]["error"], told[-1]["seconds"]) == ("connection refused", 300.0)


@pytest.mark.parametrize("is_first", [True, False])
def test_every_outage_begins_with_a_line(is_first: bool) -> None:
    outage = Outage(clock=Clock())
    if not is_first:
        outage.failed("away", OSError("gone"))
        outage.is_over()

    with capture_logs() as told:
        outage.failed("away", OSError("gone"))
        outage.failed("away", OSError("gone"))

    assert [line["event"] for line in told] == ["away"]


def test_a_database_that_always_answered_is_not_spoken_of() -> None:
    with capture_logs() as told:
        Outage().is_over()

    assert told == []
