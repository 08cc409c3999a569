"""What came of ranking groups or pipelines: the first rows, and over which builds."""

from dataclasses import dataclass

from shared.rows import Row


@dataclass(frozen=True, slots=True)
class Ranking:
    """The first `rows` of `count`. `window` is what they were counted over, as `Periods.as_row` tells it.

    `reason` says in words why nothing could be ranked.
    """

    rows: list[Row]
    count: int
    window: Row
    reason: str | None = None
