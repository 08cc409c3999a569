"""What one route makes of one change of an incident: passed over, not told and why, or queued; pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alerts.incidents import Change
from alerts.novelty import Novelty
from alerts.verdicts import STALE, Transition, happened_while_watched, is_stale
from shared.config.routes import RouteSettings, Subject, Told
from shared.incident_status import IncidentStatus

IS_BACKFILL = "it was learnt while the past was collected"
BEFORE_BASELINE = "it was there before its source was first collected in full"
TOO_LATE = f"finished more than {STALE.total_seconds() / 3600:.0f} h ago: it is in the digest"
WAS_SILENT = "its break was no news: it was there before we watched, of the past, or learnt of too late"
WAS_NOT_TOLD = "its failure was not told to this receiver"

_BREAKS = frozenset({Told.BROKE, Told.FLAPPING, Told.STILL_FAILING})

_WORDS = {
    Told.BROKE: "what broke",
    Told.STILL_FAILING: "what still fails",
    Told.FLAPPING: "what flaps",
    Told.FIXED: "what is fixed",
}


class Outcome(StrEnum):
    """What a route makes of a change, before anything is composed."""

    UNMATCHED = "unmatched"
    SUPPRESSED = "suppressed"
    QUEUED = "queued"


@dataclass(frozen=True, slots=True)
class Judgement:
    """`reason` says why it is not told, `why` what is said about why it is."""

    outcome: Outcome
    reason: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a route weighs besides who it is about.

    `no_news` says why it is news to nobody, None when it is. `novelty` is only asked by routes with `novel_only`.
    `is_known`: the receiver was to hear of this incident before, by whatever route.
    """

    failures: int
    is_flapping: bool = False
    no_news: str | None = None
    novelty: Novelty | None = None
    is_known: bool = False


def judge(route: RouteSettings, subject: Subject, told: Told, facts: Facts) -> Judgement:
    """Whether the route tells this of the incident, to a receiver of which `facts.is_known` speaks."""
    if (mismatch := route.mismatch(subject)) is not None:
        return Judgement(Outcome.UNMATCHED, mismatch)
    return judge_fitting(route, told, facts)


def judge_fitting(route: RouteSettings, told: Told, facts: Facts) -> Judgement:
    """The same of a route whose patterns fit."""
    reason = facts.no_news
    if reason is None:
        told = _as_told_by(route, told, facts)
        reason = _why_not(route, told, facts)
    if reason is not None:
        return Judgement(Outcome.SUPPRESSED, reason)
    return Judgement(Outcome.QUEUED, why=_why(route, told, facts))


def facts_of(change: Change, now: datetime) -> Facts:
    """What the incident and the event themselves say; what is asked of the tables is added to it."""
    return Facts(
        failures=change.incident.failures,
        is_flapping=change.incident.status is IncidentStatus.FLAPPING,
        no_news=why_no_news(change.cause, now) or (WAS_SILENT if change.incident.is_silent else None),
    )


def why_no_news(event: Transition, now: datetime) -> str | None:
    """Why an event is news to nobody; None when it is."""
    if event.is_backfill:
        return IS_BACKFILL
    if not happened_while_watched(event):
        return BEFORE_BASELINE
    return TOO_LATE if is_stale(event, now) else None


def _as_told_by(route: RouteSettings, told: Told, facts: Facts) -> Told:
    """What the change is to this route.

    A break that flaps is an ordinary one to a route that knows no flapping: it must not go untold for that. A failure
    more is the break itself where the route waited for it: it makes as many as the route wants, or it is the first one
    in jobs that are new, or the one that made them as many was no news (the past, too late).
    """
    opening = _opening(route, facts)
    if opening is None or told is Told.FIXED or (told is Told.STILL_FAILING and not _is_break(route, opening, facts)):
        return told
    return opening


def _opening(route: RouteSettings, facts: Facts) -> Told | None:
    """As what the route tells the break of this incident, None where it does not."""
    if facts.is_flapping and Told.FLAPPING in route.on:
        return Told.FLAPPING
    return Told.BROKE if Told.BROKE in route.on else None


def _is_break(route: RouteSettings, opening: Told, facts: Facts) -> bool:
    """Whether this failure, which is not the first one, is the one with which the route tells the break."""
    is_waited_for = route.confirm > 1 or route.novel_only
    is_confirmed_now = facts.failures == route.confirm and opening is Told.BROKE
    return is_waited_for and facts.failures >= route.confirm and (is_confirmed_now or not facts.is_known)


def _why_not(route: RouteSettings, told: Told, facts: Facts) -> str | None:
    """Why the route does not tell this news; None when it does."""
    if told not in route.on:
        return f"this route does not tell {_WORDS[told]}"
    if told is Told.FIXED and not _BREAKS.isdisjoint(route.on):
        return None if facts.is_known else WAS_NOT_TOLD
    # Three breaks within the hour are confirmation enough; in a row they will hardly be.
    if told is not Told.FLAPPING and facts.failures < route.confirm:
        return f"{facts.failures} of {route.confirm} failures"
    if route.novel_only and told is not Told.FIXED and facts.novelty is not None:
        return facts.novelty.why_not
    return None


def _why(route: RouteSettings, told: Told, facts: Facts) -> str | None:
    """What made the route tell this, where it is a choosy one."""
    if told is Told.FIXED:
        return None
    parts = []
    if route.novel_only and facts.novelty is not None:
        parts.append(facts.novelty.why)
    if route.confirm > 1 and told is not Told.FLAPPING:
        is_just_so = facts.failures == route.confirm
        parts.append(
            f"{facts.failures} of {route.confirm} failures" if is_just_so else f"{facts.failures} failures in a row"
        )
    return "; ".join(parts) or None
