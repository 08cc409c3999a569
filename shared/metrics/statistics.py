"""What can be said for certain from counts: bounds of a rate, and whether one set of durations is longer; pure."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from math import erfc, sqrt
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

Z95 = 1.959963984540054
"""How many standard deviations from the middle 95 % of a normal distribution lie within."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which rates the true one lies, with 95 % confidence."""

    lower: float
    upper: float


def wilson(hits: int, of: int, z: float = Z95) -> Interval:
    """The interval of Wilson's score for `hits` of `of`, within 0 and 1; (0, 1) of nothing.

    Unlike the rate itself it knows that 1 of 1 says less than 90 of 100: to rank by its lower bound is to rank by what
    is certain. E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    Raises ValueError where `hits` are fewer than none or more than all.
    """
    if not 0 <= hits <= of:
        raise ValueError(f"{hits} of {of} is no rate")
    if not of:
        return Interval(0.0, 1.0)
    rate = hits / of
    middle = rate + z * z / (2 * of)
    spread = z * sqrt(rate * (1 - rate) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    lower = 0.0 if not hits else max(0.0, (middle - spread) / scale)
    upper = 1.0 if hits == of else min(1.0, (middle + spread) / scale)
    return Interval(lower, upper)


def mann_whitney(one: Mapping[int, int], other: Mapping[int, int]) -> float:
    """How likely two sets of values lie as far apart as these by chance, if both come from the same source (p).

    Both are histograms: how many values lie in each bin. Only the order of values counts, not how far off the longest
    ones are. Two-sided, by the normal approximation with the correction for ties (values of one bin are equal) and for
    continuity: good from about ten values each. 1 when one of them is empty or all values are equal. H. B. Mann and
    D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than the other", 1947.
    """
    first, second = sum(one.values()), sum(other.values())
    both = first + second
    smaller, rank_sum, ties = 0, 0.0, 0
    for bin_ in sorted(one.keys() | other.keys()):
        here = one.get(bin_, 0)
        equal = here + other.get(bin_, 0)
        rank_sum += here * (smaller + (equal + 1) / 2)
        ties += equal**3 - equal
        smaller += equal
    if not first or not second or ties == both**3 - both:
        return 1.0
    u = rank_sum - first * (first + 1) / 2
    variance = first * second / 12 * (both + 1 - ties / (both * (both - 1)))
    distance = max(0.0, abs(u - first * second / 2) - 0.5)
    return erfc(distance / sqrt(variance) / sqrt(2))


def discoveries(p_values: Mapping[Key, float], *, of: int, rate: float) -> set[Key]:
    """Those of `of` tests that may be believed, so that at most a share of `rate` of them is there by chance alone.

    Of two thousand pipelines that did not change, twenty have p < 0.01: who looks at many must ask more of each.
    `p_values` may leave out tests whose p is large. Y. Benjamini and Y. Hochberg, "Controlling the false discovery
    rate", 1995.
    """
    ordered = sorted(p_values, key=p_values.__getitem__)
    believed = [place for place, key in enumerate(ordered, start=1) if p_values[key] <= rate * place / of]
    return set(ordered[: max(believed, default=0)])
