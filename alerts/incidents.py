"""What a verdict does to its branch's incident: opens it, goes on with it, closes it; pure.

Only verdicts that count come here, in the order of `alerts.verdicts`: those of the branch's newest build, each once,
however often its provider says it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.verdicts import Decision, Transition, Verdict, is_stale
from shared.config.routes import Told
from shared.incident_status import OPEN, IncidentStatus
from shared.status import BROKEN

FLAPPING_WITHIN = timedelta(hours=1)
"""How far back it is counted how often a branch broke: long enough for a few builds of most pipelines, short enough
that what people worked on in the morning says nothing about the evening."""

FLAPPING_AFTER = 2
"""So many earlier incidents within that time make the next one flapping. One is a fix that did not hold, which is
ordinary work; the third break in an hour is a pattern."""

STEADY_AFTER = 3
"""So many good verdicts in a row end a flapping incident. One proves nothing there, by the meaning of the word; a test
that fails every other time still passes three times in a row once in eight."""


_TURNS = (
    Decision.BROKE,
    Decision.FIXED,
    Decision.FIXED_TOO_LONG_AGO,
    Decision.BREAK_WAS_SILENT,
    Decision.STILL_WORKING,
)

Attempt = tuple[int, int]
"""A build's id and the number of one of its attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose incident it is: a pipeline's on a branch ('' where it knows none), in a project."""

    pipeline_id: int
    branch: str
    project_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as its row holds it (`shared.models.Incident`); the id of one that is not stored yet is negative.

    `fixed_at` and `last_failed_at` are never before `opened_at`: a newer build that finished before an older one counts
    as if both had finished together.
    """

    id: int
    pipeline_id: int
    branch: str
    project_id: int
    version: int
    status: IncidentStatus
    opened_at: datetime
    last_failed_at: datetime
    fixed_at: datetime | None
    failures: int
    flaps: int
    first_bad_build_id: int
    first_bad_attempt: int
    last_bad_build_id: int
    last_bad_attempt: int
    last_good_build_id: int | None
    last_good_attempt: int | None
    fixed_build_id: int | None
    fixed_attempt: int | None
    is_flaky: bool
    is_silent: bool

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a branch stands.

    `passes` counts the good verdicts in a row; `incident` is the last one, open or over; `openings` are the instants at
    which incidents were opened, at least those of the last hour; `good` is the last attempt to pass before the
    verdict's own.
    """

    verdict: Verdict
    passes: int = 0
    incident: Incident | None = None
    openings: tuple[datetime, ...] = ()
    good: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What an event did to an incident, which is shown as it stands afterwards; `before` is None for a new one."""

    incident: Incident
    before: Incident | None
    cause: Transition

    @property
    def from_status(self) -> IncidentStatus | None:
        return None if self.before is None else self.before.status

    @property
    def told(self) -> Told | None:
        """What a route may tell of it; None for what only its row and its event say (that it is flaky).

        One that flapped before it was news is told as flapping with the first failure that is.
        """
        if not self.incident.is_open:
            return Told.FIXED
        is_new = self.before is None or (self.before.is_silent and not self.incident.is_silent)
        if is_new:
            return Told.FLAPPING if self.incident.status is IncidentStatus.FLAPPING else Told.BROKE
        return Told.STILL_FAILING if self.cause.to_status in BROKEN else None


def follow(
    standing: Standing | None, event: Transition, verdict: Verdict, place: Place, new_id: int
) -> tuple[Standing, Change | None]:
    """Where the branch stands after an event that made `verdict` its latest one, and what became of the incident.

    A new incident gets `new_id`. Every change is one version and one event of the log; a failure that goes on changes
    the counts and not the status.
    """
    passes = 0 if verdict.is_broken else 1 + (0 if standing is None else standing.passes)
    last = None if standing is None else standing.incident
    openings = () if standing is None else standing.openings
    good = _last_good(standing, event)
    if last is None or not last.is_open:
        if not verdict.is_broken:
            return Standing(verdict, passes, last, openings, good), None
        opened = _opened(event, verdict, place, new_id=new_id, flaps=_flaps(openings, event), good=good)
        return Standing(verdict, passes, opened, (*openings, opened.opened_at), good), Change(opened, None, event)
    after = _failed_again(last, event, verdict) if verdict.is_broken else _passed(last, event, passes)
    if after == last:
        return Standing(verdict, passes, last, openings, good), None
    after = replace(after, version=last.version + 1)
    return Standing(verdict, passes, after, openings, good), Change(after, last, event)


def decision_beside(
    decision: Decision, event: Transition, before: Incident | None, after: Incident | None, now: datetime
) -> Decision:
    """What was decided about a verdict, beside its branch's incident.

    While that flaps, a turn for better or worse is neither a break nor a fix; the last pass it needs is one, although
    the branch passed before.
    """
    if before is None or after is None or not before.is_open:
        return decision
    if after.is_open:
        is_news_now = before.is_silent and not after.is_silent
        return Decision.STILL_FLAPPING if decision in _TURNS and not is_news_now else decision
    if decision is not Decision.STILL_WORKING:
        return decision
    if event.is_backfill:
        return Decision.IS_BACKFILL
    if after.is_silent:
        return Decision.BREAK_WAS_SILENT
    return Decision.FIXED_TOO_LONG_AGO if is_stale(event, now) else Decision.FIXED


def _flaps(openings: tuple[datetime, ...], event: Transition) -> int:
    earliest = event.finished_at - FLAPPING_WITHIN
    return sum(opened_at >= earliest for opened_at in openings)


def _opened(
    event: Transition, verdict: Verdict, place: Place, *, new_id: int, flaps: int, good: Attempt | None
) -> Incident:
    return Incident(
        id=new_id,
        pipeline_id=place.pipeline_id,
        branch=place.branch,
        project_id=place.project_id,
        version=1,
        status=IncidentStatus.FLAPPING if flaps >= FLAPPING_AFTER else IncidentStatus.BROKEN,
        opened_at=event.finished_at,
        last_failed_at=event.finished_at,
        fixed_at=None,
        failures=1,
        flaps=flaps,
        first_bad_build_id=event.build_id,
        first_bad_attempt=event.attempt,
        last_bad_build_id=event.build_id,
        last_bad_attempt=event.attempt,
        last_good_build_id=None if good is None else good[0],
        last_good_attempt=None if good is None else good[1],
        fixed_build_id=None,
        fixed_attempt=None,
        is_flaky=False,
        is_silent=not verdict.is_announced,
    )


def _last_good(standing: Standing | None, event: Transition) -> Attempt | None:
    """The last attempt to pass before this one; what the provider said of this very attempt before does not count."""
    if standing is None:
        return None
    before = standing.verdict
    return standing.good if before.is_broken or _attempt(before) == _attempt(event) else _attempt(before)


def _failed_again(incident: Incident, event: Transition, verdict: Verdict) -> Incident:
    """One failure more, unless this attempt is counted already (`failed` became `timed_out`, say)."""
    is_silent = incident.is_silent and not verdict.is_announced
    if _attempt(event) == (incident.last_bad_build_id, incident.last_bad_attempt):
        return replace(incident, is_silent=is_silent)
    return replace(
        incident,
        failures=incident.failures + 1,
        last_failed_at=max(incident.last_failed_at, event.finished_at),
        last_bad_build_id=event.build_id,
        last_bad_attempt=event.attempt,
        is_silent=is_silent,
    )


def _passed(incident: Incident, event: Transition, passes: int) -> Incident:
    """The incident closed, or still flapping; a re-run that passes where the same build failed makes it flaky."""
    is_rerun = event.build_id == incident.last_bad_build_id and event.attempt > incident.last_bad_attempt
    is_flaky = incident.is_flaky or is_rerun
    if incident.status is IncidentStatus.FLAPPING and passes < STEADY_AFTER:
        return replace(incident, is_flaky=is_flaky)
    return replace(
        incident,
        status=IncidentStatus.FIXED,
        fixed_at=max(incident.opened_at, event.finished_at),
        fixed_build_id=event.build_id,
        fixed_attempt=event.attempt,
        is_flaky=is_flaky,
    )


def _attempt(of: Verdict | Transition) -> Attempt:
    return of.build_id, of.attempt
