"""How fast the machine is right now: processors that are shared with others are not always equally so."""

import statistics
import time

from benchmarks.figure import Figure

ADDITIONS = 10_000_000
ROUNDS = 3


def speed(when: str) -> Figure:
    """Milliseconds that Python takes to count to ten million, the median of three: what times are to be read beside."""
    rounds = [_round() for _ in range(ROUNDS)]
    return Figure(
        name=f"this machine {when}: ten million additions",
        value=statistics.median(rounds),
        unit="ms",
        compared=f"{min(rounds):.0f} to {max(rounds):.0f}",
    )


def _round() -> float:
    began, total = time.perf_counter(), 0
    for number in range(ADDITIONS):
        total += number
    return (time.perf_counter() - began) * 1000
