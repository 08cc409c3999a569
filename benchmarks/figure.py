"""A figure: what was measured, beside what it has to be and what it is compared with."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`bound` is the least (`at_least`) or the most allowed; None where nothing is promised."""

    name: str
    value: float
    unit: str
    bound: float | None = None
    at_least: bool = False
    compared: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the promise holds; None where there is none."""
        if self.bound is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def is_held(self, slack: float) -> bool:
        """Whether the promise holds, of a time `slack` times as long: another machine may be as much slower."""
        if self.bound is None or self.unit != "ms":
            return self.is_met is not False
        return self.value <= self.bound * slack


def percentile(values: Sequence[float], percent: int) -> float:
    """The given percentile of a sample of at least two."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
