"""What an event does to the verdict of its pipeline on its branch, and whether that is news: pure.

The verdict belongs to the newest build by (queued_at, build id, attempt), not to the one that finished last: an older
build that takes longer says nothing new.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.status import BROKEN, FINISHED, VERDICTS, Status

STALE = timedelta(hours=6)
"""News older than this, counted from the build's finish, is not sent any more."""

_REQUESTS = ("pull_request", "merge_request", "external_pull_request")
_CHILD = "parent_pipeline"


class Decision(StrEnum):
    """What became of an event, by reason.

    `still_flapping`: the branch failed or passed once more while it flaps, which is told once.
    """

    BROKE = "broke"
    FIXED = "fixed"
    BROKE_TOO_LONG_AGO = "broke_too_long_ago"
    FIXED_TOO_LONG_AGO = "fixed_too_long_ago"
    STILL_BROKEN = "still_broken"
    STILL_WORKING = "still_working"
    STILL_FLAPPING = "still_flapping"
    BREAK_WAS_SILENT = "break_was_silent"
    IS_BACKFILL = "is_backfill"
    BEFORE_BASELINE = "before_baseline"
    OLDER_BUILD = "older_build"
    IS_SUPERSEDED = "is_superseded"
    PULL_REQUEST = "pull_request"
    CHILD_PIPELINE = "child_pipeline"
    NO_VERDICT = "no_verdict"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The latest verdict of one pipeline on one branch.

    `since` is the finish of the build that brought this state about; `is_announced` says that its failure was news, for
    whoever is told of the branch.
    """

    status: Status
    build_id: int
    attempt: int
    queued_at: datetime
    since: datetime
    is_announced: bool = False

    @property
    def is_broken(self) -> bool:
        return self.status in BROKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """An event of the log about a build's attempt, with what its pipeline and source say to it.

    `trigger` is the provider's word for what started the build. `finished_at` is in the provider's clock, `recorded_at`
    and `baseline_at` are in ours.
    """

    build_id: int
    attempt: int
    queued_at: datetime
    trigger: str | None
    from_status: Status | None
    to_status: Status
    is_superseded: bool
    is_backfill: bool
    finished_at: datetime
    recorded_at: datetime
    baseline_at: datetime | None


def fold(verdict: Verdict | None, event: Transition, now: datetime) -> tuple[Verdict | None, Decision]:
    """The verdict after the event, and whether that is news or why it is none."""
    if (reason := _says_nothing(event)) is not None:
        return verdict, reason
    if verdict is not None and _order(event) < _order(verdict):
        return verdict, Decision.OLDER_BUILD
    decision = _decide(verdict, event, now)
    return _after(verdict, event, decision), decision


def _says_nothing(event: Transition) -> Decision | None:
    """Why this event is not about the verdict of a branch at all."""
    if event.to_status not in VERDICTS:
        return Decision.NO_VERDICT
    if event.is_superseded:
        return Decision.IS_SUPERSEDED
    # A fork's pull request is often built from the fork's own `main`: the name is the same, the branch is not.
    # A child pipeline of GitLab's would flap beside its parent, whose verdict is the branch's.
    if is_of_request(event):
        return Decision.PULL_REQUEST
    return Decision.CHILD_PIPELINE if event.trigger == _CHILD else None


def is_of_request(event: Transition) -> bool:
    """Whether a pull or merge request started the build, by its provider's word."""
    return (event.trigger or "").startswith(_REQUESTS)


def _decide(verdict: Verdict | None, event: Transition, now: datetime) -> Decision:
    was_broken = verdict is not None and verdict.is_broken
    is_broken = event.to_status in BROKEN
    is_too_late = is_stale(event, now)
    if is_broken == was_broken:
        return Decision.STILL_BROKEN if is_broken else Decision.STILL_WORKING
    if event.is_backfill:
        return Decision.IS_BACKFILL
    if not happened_while_watched(event):
        return Decision.BEFORE_BASELINE
    if is_broken:
        return Decision.BROKE_TOO_LONG_AGO if is_too_late else Decision.BROKE
    if verdict is None or not verdict.is_announced:
        return Decision.BREAK_WAS_SILENT
    return Decision.FIXED_TOO_LONG_AGO if is_too_late else Decision.FIXED


def is_stale(event: Transition, now: datetime) -> bool:
    """Whether the build finished so long ago that nobody is told any more."""
    return now - event.finished_at > STALE


def happened_while_watched(event: Transition) -> bool:
    """Whether the build finished after the source's first complete collection, as far as can be known.

    The provider's clock may be hours off ours. For a build we had seen unfinished, no clock of theirs is needed: its
    finish was recorded after the baseline, so it happened while we watched. A build that was finished when first seen
    proves nothing by itself (sweeps find old ones for weeks), so there its own finish has to lie after the baseline
    too. A provider whose clock is late then costs, only right after the baseline and for as long as it is late, alerts
    about builds too short to be seen running; one whose clock is early gains nothing, because what was there before
    the baseline was recorded before it. Silence about something new is the lesser evil here: a storm of old failures
    on the first day teaches people to mute us.
    """
    if event.baseline_at is None or event.recorded_at <= event.baseline_at:
        return False
    was_unfinished = event.from_status is not None and event.from_status not in FINISHED
    return was_unfinished or event.finished_at > event.baseline_at


def _after(verdict: Verdict | None, event: Transition, decision: Decision) -> Verdict:
    is_unchanged = verdict is not None and decision in (Decision.STILL_BROKEN, Decision.STILL_WORKING)
    return Verdict(
        status=event.to_status,
        build_id=event.build_id,
        attempt=event.attempt,
        queued_at=event.queued_at,
        since=verdict.since if verdict is not None and is_unchanged else event.finished_at,
        is_announced=verdict.is_announced if verdict is not None and is_unchanged else decision is Decision.BROKE,
    )


def _order(subject: Verdict | Transition) -> tuple[datetime, int, int]:
    return subject.queued_at, subject.build_id, subject.attempt
