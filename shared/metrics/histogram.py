"""A mergeable histogram of milliseconds: logarithmic bins, so that a value read back is within 2 % of the true one.

Bin 0 holds what took less than a millisecond; bin b >= 1 holds (RATIO ** (b - 2), RATIO ** (b - 1)] milliseconds and
stands for the value in its middle (by ratio). Two histograms are merged by adding the counts of equal bins, exactly.
After DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", VLDB 2019).
"""

from collections.abc import Sequence
from math import log

RATIO = 1.04
RELATIVE_ERROR = (RATIO - 1) / (RATIO + 1)

BIN_SQL = f"CASE WHEN {{ms}} < 1 THEN 0 ELSE 1 + ceil(ln({{ms}}::float8) / {log(RATIO)!r} - 1e-9)::int END"
"""The bin of a number of milliseconds as SQL, to be formatted with the column's name; of NULL it is NULL."""


def value_of(bin_: int) -> float:
    """The milliseconds that a bin stands for."""
    return 0.0 if bin_ == 0 else 2 * RATIO ** (bin_ - 1) / (RATIO + 1)


def percentile(bins: Sequence[int], counts: Sequence[int], percent: float) -> float | None:
    """The milliseconds that at least `percent` of 100 values do not exceed, within RELATIVE_ERROR; None of nothing.

    `bins` ascend; `counts` are how many values lie in each.
    """
    total = sum(counts)
    wanted = max(1, -(-total * percent // 100))
    seen = 0
    for bin_, count in zip(bins, counts, strict=True):
        seen += count
        if seen >= wanted:
            return value_of(bin_)
    return None
