"""The nine statuses, their ranks, and which of them are finished."""

from collections.abc import Iterable
from enum import StrEnum


class Status(StrEnum):
    """How a build, an attempt or a job stands; the provider's own words are kept beside it as `raw_status`."""

    UNKNOWN = "unknown"
    QUEUED = "queued"
    BLOCKED = "blocked"
    RUNNING = "running"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    SUCCEEDED = "succeeded"
    TIMED_OUT = "timed_out"
    FAILED = "failed"

    @property
    def rank(self) -> int:
        """Breaks ties between observations of the same instant: the later stage of a life wins."""
        return _RANK[self]


class CancelReason(StrEnum):
    """Why a build was cancelled, where the provider tells."""

    SUPERSEDED = "superseded"
    PERSON = "person"
    TIMEOUT = "timeout"


_RANK = {status: rank for rank, status in enumerate(Status)}

FINISHED = frozenset({Status.SKIPPED, Status.CANCELLED, Status.SUCCEEDED, Status.TIMED_OUT, Status.FAILED})
"""Finished by their own meaning; `unknown` is finished when its observation says so."""

VERDICTS = frozenset({Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT})
"""What counts in a success rate: succeeded / (succeeded + failed + timed_out)."""

BROKEN = frozenset({Status.FAILED, Status.TIMED_OUT})
"""The verdicts that mean "this does not work"."""


def literals(statuses: Iterable[Status]) -> str:
    """As SQL names them between the brackets of IN: `'failed', 'timed_out'`, always in the same order."""
    return ", ".join(f"'{status}'" for status in sorted(statuses))
