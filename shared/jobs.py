"""Whether a scheduler's jobs come through: what fails each time is told with its heartbeat, and so to every reader."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared.clock import utc_now
from shared.log.redaction import redact
from shared.outage import Outage, first_line, is_away

FAILURES = 3
LONG_ENOUGH = timedelta(seconds=20)
"""A job is in trouble when it failed so often in a row and for so long: less may be a statement that was cut short."""

ERROR_LENGTH = 300


class Job(StrEnum):
    """What a scheduler does again and again."""

    POLL = "poll"
    ALERTS = "alerts"
    FIGURES = "figures"
    DISCOVERY = "discovery"
    LOGS = "logs"
    TELEMETRY = "telemetry"
    WEBHOOKS = "webhooks"
    PURGE = "purge"
    CONFIGURATION = "configuration"
    HEARTBEAT = "heartbeat"


_MEANS: dict[str, str] = {
    Job.POLL: "sources are not polled",
    Job.ALERTS: "alerts are not decided on",
    Job.FIGURES: "figures do not follow the builds",
    Job.DISCOVERY: "patterns find no new sources",
    Job.LOGS: "logs of builds are not fetched",
    Job.TELEMETRY: "telemetry is not sent",
    Job.WEBHOOKS: "webhooks that came in are not read",
    Job.PURGE: "old webhooks are not deleted",
    Job.CONFIGURATION: "a changed configuration is not taken",
}

LIVING = "kind = 'scheduler' AND heartbeat_at > clock_timestamp() - interval '30 seconds'"
"""Rows of `processes` whose troubles count: of schedulers that were heard of lately. As SQL."""

_TOLD = text(f"SELECT troubles FROM processes WHERE {LIVING}")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A job that fails each time: how often in a row, since when, and its last error on one line and redacted."""

    job: str
    failures: int
    since: datetime
    error: str


class Jobs:
    """How often in a row each job of this process failed. Used by every thread of it."""

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failing: dict[Job, Trouble] = {}
        self._lines = {job: Outage("job works again") for job in Job}
        self._database = Outage()

    def run(self, name: Job, job: Callable[[], None]) -> bool:
        """Do it once, and say whether it came through.

        A database that is away is one outage and no failure of each job; whatever else it raises is one.
        """
        try:
            job()
        except Exception as error:  # noqa: BLE001 (the edge of a thread: nobody else would hear of it)
            self._note_failure(name, error)
            return False
        self._note_success(name)
        return True

    def troubles(self) -> tuple[Trouble, ...]:
        """The jobs that have failed often enough and for long enough to be spoken of.

        Never the heartbeat: what tells of it would prove that it comes through, and without one all are silent.
        """
        since = self._clock() - LONG_ENOUGH
        with self._lock:
            told = [each for name, each in self._failing.items() if name is not Job.HEARTBEAT]
        return tuple(each for each in told if each.failures >= FAILURES and each.since <= since)

    def _note_success(self, name: Job) -> None:
        if name is Job.HEARTBEAT:  # others may not have asked the database anything
            self._database.is_over()
        with self._lock:
            self._failing.pop(name, None)
        self._lines[name].is_over(job=name)

    def _note_failure(self, name: Job, error: Exception) -> None:
        if is_away(error):
            self._database.failed("database trouble", error, job=name)
            return
        with self._lock:
            before = self._failing.get(name)
            failures, since = (before.failures + 1, before.since) if before else (1, self._clock())
            words = redact(f"{type(error).__name__}: {first_line(error)}")[:ERROR_LENGTH]
            self._failing[name] = Trouble(name, failures, since, words)
        if isinstance(error, OperationalError):  # cut short, or in somebody's way: its trace says nothing
            self._lines[name].failed("database trouble", error, job=name, failures=failures)
        else:
            self._lines[name].failed("job failed", error, logging.ERROR, job=name, failures=failures, exc_info=error)


def told_troubles(session: Session) -> str | None:
    """What does not happen, as every living scheduler told with its last heartbeat; None where all of it does.

    For everybody: without errors, hosts and counts.
    """
    schedulers = [trouble_from(row.troubles) for row in session.execute(_TOLD)]
    return in_words(schedulers)


def in_words(schedulers: Sequence[Sequence[Trouble]]) -> str | None:
    """The same from the troubles of each scheduler. Pure."""
    troubled = sorted((trouble for each in schedulers for trouble in each), key=lambda one: (one.job, one.since))
    if not troubled:
        return None
    by_job = [list(same) for _, same in groupby(troubled, key=lambda one: one.job)]
    return "; ".join(_sentence(same, of=len(schedulers)) for same in by_job)


def _sentence(same: Sequence[Trouble], *, of: int) -> str:
    """What one job's failing in some of so many schedulers means."""
    job, since = same[0].job, same[0].since.astimezone(UTC)
    where = "" if len(same) == of else f" by {len(same)} of {of} schedulers"
    return f"{meaning(job)}{where}: the job {job} has failed each time since {since:%Y-%m-%d %H:%M:%S} UTC"


def meaning(job: str) -> str:
    """What does not happen while this job fails; a newer scheduler may have jobs that we do not know."""
    return _MEANS.get(job, f"{job} does not happen")


def told(trouble: Trouble) -> str:
    """A trouble for whoever runs this, with its last error."""
    return f"{meaning(trouble.job)}: {trouble.failures} failures in a row, last {trouble.error}"


def trouble_from(told: Sequence[dict[str, Any]] | None) -> tuple[Trouble, ...]:
    """Troubles as `processes.troubles` has them."""
    return tuple(
        Trouble(each["job"], each["failures"], datetime.fromisoformat(each["since"]), each["error"])
        for each in told or ()
    )
