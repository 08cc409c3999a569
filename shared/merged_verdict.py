"""What several results of one thing come to: a commit's builds in a pipeline, a job's runs; as SQL over its history.

The newest verdict counts, so that a pass after a failure is a pass, and flaky. What is cancelled, skipped or unknown
loses to any verdict. While something is open that is shown, with the verdict so far beside it.
"""

from shared.metrics.cells import STATUS_CODE, STATUS_SQL
from shared.status import BROKEN, VERDICTS, Status

RANK_SQL = STATUS_SQL
"""A status as a number, to be formatted with the column's name."""

_RANK_BITS = 4
_RANK_MASK = 2**_RANK_BITS - 1


def _codes(statuses: frozenset[Status]) -> str:
    return ", ".join(str(STATUS_CODE[status]) for status in sorted(statuses))


def _word(newest: str) -> str:
    words = ", ".join(f"'{status}'" for status in sorted(Status, key=STATUS_CODE.__getitem__))
    return f"(ARRAY[{words}])[1 + ({newest} & {_RANK_MASK})]"


IS_BROKEN = f"(NOT h.is_open AND h.rank IN ({_codes(BROKEN)}))"

# The number has the place above and the rank below: its maximum is the newest without any sorting, and of several in
# one place the worst.
_NUMBER = f"(h.place << {_RANK_BITS} | h.rank)"
_NEWEST_OPEN = f"max({_NUMBER}) FILTER (WHERE h.is_open)"
_NEWEST_DECIDED = f"""
    coalesce(max({_NUMBER}) FILTER (WHERE NOT h.is_open AND h.rank IN ({_codes(VERDICTS)})),
             max({_NUMBER}) FILTER (WHERE NOT h.is_open))
"""

MERGED_SUMS = f"""
    {_NEWEST_OPEN} AS open_number, {_NEWEST_DECIDED} AS decided_number, bool_or({IS_BROKEN}) AS was_broken
"""
"""Aggregates over `h`: `place` (a bigint that grows with time, without its sign and highest four bits), `rank` by
RANK_SQL, `is_open`. What shares a place ran side by side: the worst of it counts."""

_DECIDED_RANK = f"(g.decided_number & {_RANK_MASK})"

MERGED = f"""
    {_word("coalesce(g.open_number, g.decided_number)")} AS status,
    CASE WHEN g.open_number IS NOT NULL THEN {_word("g.decided_number")} END AS former,
    coalesce({_DECIDED_RANK} = {STATUS_CODE[Status.SUCCEEDED]} AND g.was_broken, false) AS is_flaky,
    coalesce({_DECIDED_RANK} IN ({_codes(BROKEN)}), false) AS is_broken
"""
"""What the sums, as `g`, say: the status shown, the one so far while something is open, and of that whether a failure
came before a pass, and whether it means that this does not work."""
