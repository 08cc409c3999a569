"""What the codes of `metric_cells` mean, and which cells make up a window of time. Pure."""

from datetime import UTC, datetime, timedelta
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

    A `QUARTER` of a day starts at 0, 6, 12 or 18 o'clock; only the scopes of `WITH_QUARTERS` have any. A `WEEK` starts
    on Monday, and `EIGHT_WEEKS` on every eighth Monday.
    """

    HOUR = 0
    DAY = 1
    EVER = 2
    QUARTER = 3
    WEEK = 4
    EIGHT_WEEKS = 5


FIRST_MONDAY = datetime(1, 1, 1, tzinfo=UTC)
"""From where on the spans of every grain follow one another; no build is older."""

LENGTHS = {
    Grain.HOUR: timedelta(hours=1),
    Grain.QUARTER: timedelta(hours=6),
    Grain.DAY: timedelta(days=1),
    Grain.WEEK: timedelta(weeks=1),
    Grain.EIGHT_WEEKS: timedelta(weeks=8),
}
"""How long the spans of a grain are, ascending: each is made up of whole shorter ones. `EVER` has no length."""


WITH_QUARTERS = frozenset({CellScope.EVERYTHING, CellScope.INSTANCE, CellScope.PROJECT})
"""Their hours hold many builds in long histograms; for a repository or pipeline quarters would be rows for nothing."""


def grains_of(scope: CellScope) -> tuple[Grain, ...]:
    """Of which grains a scope has cells."""
    return tuple(grain for grain in Grain if grain is not Grain.QUARTER or scope in WITH_QUARTERS)


def first_hour_sql(grain: Grain, hour: str) -> str:
    """The hour with which an hour's span of this grain begins as SQL, both counted from 1970; of `EVER` 0."""
    if grain is Grain.EVER:
        return "0"
    before_1970 = (datetime(1970, 1, 1, tzinfo=UTC) - FIRST_MONDAY) // LENGTHS[Grain.HOUR]
    return f"({hour} - ({hour} + {before_1970}) % {LENGTHS[grain] // LENGTHS[Grain.HOUR]})"


class BranchClass(IntEnum):
    """Which of a pipeline's branches: the default one, any other, or that the build names none."""

    NONE = 0
    DEFAULT = 1
    OTHER = 2


STATUS_CODE = {status: status.rank for status in Status}

INCIDENT_CODE = {"opened": 9, "fixed": 10}
"""What a cell counts instead of builds with a status: incidents, by the hour they opened, and by the one they ended."""

INCIDENT_WORDS = ", ".join(f"'{word}'" for word in INCIDENT_CODE)
"""The words that contributions have for these, as SQL."""

OF_BUILDS_ONLY = f"status < {min(INCIDENT_CODE.values())}"
OF_INCIDENTS_ONLY = f"status >= {min(INCIDENT_CODE.values())}"
"""Which cells count builds, and which incidents, as SQL."""

REASON_CODE: dict[CancelReason | None, int] = {
    None: 0,
    CancelReason.SUPERSEDED: 1,
    CancelReason.PERSON: 2,
    CancelReason.TIMEOUT: 3,
}

_STATUS_CASES = " ".join(f"WHEN '{status}' THEN {code}" for status, code in STATUS_CODE.items())
_WORD_CASES = " ".join(f"WHEN '{word}' THEN {code}" for word, code in (STATUS_CODE | INCIDENT_CODE).items())
_REASON_CASES = " ".join(f"WHEN '{reason}' THEN {code}" for reason, code in REASON_CODE.items() if reason)

STATUS_SQL = f"CASE {{status}} {_STATUS_CASES} END"
WORD_SQL = f"CASE {{status}} {_WORD_CASES} END"
REASON_SQL = f"CASE {{reason}} {_REASON_CASES} ELSE 0 END"
CLASS_SQL = (
    f"CASE WHEN {{branch}} IS NULL THEN {BranchClass.NONE:d} "
    f"WHEN {{branch}} = {{default_branch}} THEN {BranchClass.DEFAULT:d} ELSE {BranchClass.OTHER:d} END"
)
"""The codes as SQL, to be formatted with the columns' names; those of WORD_SQL include incidents'."""
