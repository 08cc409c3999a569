"""What the codes of `metric_cells` mean, and which cells make up a window of time. Pure."""

from enum import IntEnum

from shared.status import CancelReason, Status


class CellScope(IntEnum):
    """Whose builds a cell counts; `scope_id` is 0 for everything, else the row's id."""

    EVERYTHING = 0
    INSTANCE = 1
    PROJECT = 2
    REPOSITORY = 3
    PIPELINE = 4


class Grain(IntEnum):
    """How much time a cell covers, by its builds' `queued_at`, in UTC; `EVER` starts at `-infinity`.

    A `QUARTER` of a day starts at 0, 6, 12 or 18 o'clock; only the scopes of `WITH_QUARTERS` have any.
    """

    HOUR = 0
    DAY = 1
    EVER = 2
    QUARTER = 3


WITH_QUARTERS = frozenset({CellScope.EVERYTHING, CellScope.INSTANCE, CellScope.PROJECT})
"""Their hours hold many builds in long histograms; for a repository or pipeline quarters would be rows for nothing."""


def grains_of(scope: CellScope) -> tuple[Grain, ...]:
    """Of which grains a scope has cells."""
    return tuple(grain for grain in Grain if grain is not Grain.QUARTER or scope in WITH_QUARTERS)


class BranchClass(IntEnum):
    """Which of a pipeline's branches: the default one, any other, or that the build names none."""

    NONE = 0
    DEFAULT = 1
    OTHER = 2


STATUS_CODE = {status: status.rank for status in Status}

REASON_CODE: dict[CancelReason | None, int] = {
    None: 0,
    CancelReason.SUPERSEDED: 1,
    CancelReason.PERSON: 2,
    CancelReason.TIMEOUT: 3,
}

_STATUS_CASES = " ".join(f"WHEN '{status}' THEN {code}" for status, code in STATUS_CODE.items())
_REASON_CASES = " ".join(f"WHEN '{reason}' THEN {code}" for reason, code in REASON_CODE.items() if reason)

STATUS_SQL = f"CASE {{status}} {_STATUS_CASES} END"
REASON_SQL = f"CASE {{reason}} {_REASON_CASES} ELSE 0 END"
CLASS_SQL = (
    f"CASE WHEN {{branch}} IS NULL THEN {BranchClass.NONE:d} "
    f"WHEN {{branch}} = {{default_branch}} THEN {BranchClass.DEFAULT:d} ELSE {BranchClass.OTHER:d} END"
)
"""The codes as SQL, to be formatted with the columns' names."""
