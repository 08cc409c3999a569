"""What a digest says: what broke, what is still broken and since when, what was not told and why, rankings; pure.

It comes at an hour of the receiver's own and sums up everything since the one before, on any branch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from alerts.message import clock_span, clock_time, in_words, one_line
from alerts.notice import MOST_LINES, Line, Notice, NoticeKind, Section, Tone
from shared.config.routes import RouteSettings, Subject
from shared.config.settings import DigestPeriod, ReceiverSettings
from shared.incident_status import IncidentStatus
from shared.status import BROKEN

LATEST = timedelta(days=1)
"""A digest that could not come for so long is none any more: the next one covers its time, too."""

LONGEST = timedelta(days=35)
"""No digest reaches back further, however long there was none."""

_CUT = (("Incomplete", "more happened than a digest looks at; the links below know all of it"),)

_MONDAY = 0
_DAYS = {DigestPeriod.DAILY: 1, DigestPeriod.WEEKLY: 7}


@dataclass(frozen=True, slots=True)
class Period:
    """What a digest is about; `began_at` is in it, `ended_at` is not."""

    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Digested:
    """An incident as a digest tells it.

    `is_new`: it was learnt of within the period. `is_told`: the receiver was told of it by itself; `reason` says why
    not, None where nobody noted it.
    """

    id: int
    subject: Subject
    status: IncidentStatus
    opened_at: datetime
    fixed_at: datetime | None
    failures: int
    is_new: bool
    is_told: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """So many incidents (or changes of a raw feed) were not told for one reason; `examples` are a few of them."""

    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A list of pipelines that stands below the incidents; the title counts its lines as so many `words`."""

    words: str
    section: Section


def last_slot(settings: ReceiverSettings, now: datetime) -> datetime | None:
    """When the receiver's last digest was due, at or before now; None where it wants none.

    Its hour is one of its own wall clock. One that the clock skips on a night in spring comes an hour later by the
    clock, one that it shows twice in autumn comes the first time.
    """
    days = _DAYS.get(settings.digest)
    if days is None:
        return None
    zone = ZoneInfo(settings.timezone)
    day = now.astimezone(zone).date()
    if settings.digest is DigestPeriod.WEEKLY:
        day -= timedelta(days=(day.weekday() - _MONDAY) % 7)
    slot = datetime.combine(day, settings.digest_at, zone).astimezone(UTC)
    if slot > now:
        slot = datetime.combine(day - timedelta(days=days), settings.digest_at, zone).astimezone(UTC)
    return slot


def due_period(settings: ReceiverSettings, digested_until: datetime, now: datetime) -> Period | None:
    """What the receiver's next digest is about; None while none is due."""
    slot = last_slot(settings, now)
    if slot is None or slot <= digested_until or now - slot > LATEST:
        return None
    return Period(max(digested_until, slot - LONGEST), slot)


@dataclass(frozen=True, slots=True)
class Reach:
    """The routes that lead to a receiver, and so what its digest is about: whatever they fit, on any branch."""

    routes: tuple[RouteSettings, ...]
    on_any_branch: tuple[RouteSettings, ...]

    @classmethod
    def of(cls, routes: Iterable[RouteSettings], receiver: str) -> "Reach":
        """What leads to this receiver."""
        leading = tuple(route for route in routes if receiver in route.receivers)
        return cls(leading, tuple(route.model_copy(update={"branch": ()}) for route in leading))

    def holds(self, subject: Subject) -> bool:
        """Whether the digest is about this."""
        return any(route.mismatch(subject) is None for route in self.on_any_branch)

    def feeds(self, subject: Subject) -> bool:
        """Whether a raw feed told its failures anyway."""
        return any(
            route.every_transition
            and route.mismatch(subject) is None
            and (not route.status or not BROKEN.isdisjoint(route.status))
            for route in self.routes
        )

    def why_untold(self, subject: Subject) -> str:
        """Why nothing was told of something that no route left a record of: which patterns it did not fit."""
        mismatches = [words for route in self.routes if (words := route.mismatch(subject)) is not None]
        # Of several routes the one that fits but for its branch is the one that a reader thinks of.
        return min(mismatches, key=lambda words: not words.startswith("branch "), default="it was no news by then")


def compose(
    settings: ReceiverSettings,
    period: Period,
    incidents: Sequence[Digested],
    untold: Sequence[Untold],
    now: datetime,
    *,
    rankings: Sequence[Ranked] = (),
    is_cut: bool = False,
) -> Notice | None:
    """The digest; None where there is nothing to say. Of what is still broken the oldest comes first.

    `is_cut`: more happened than the incidents here, so the counts are too small.
    """
    broke = sorted(
        (each for each in incidents if each.is_new),
        key=lambda each: (each.fixed_at is not None, not each.subject.is_default_branch, -each.opened_at.timestamp()),
    )
    broken = sorted(
        (each for each in incidents if each.fixed_at is None),
        key=lambda each: (not each.subject.is_default_branch, each.opened_at, each.id),
    )
    hidden = sum(each.count for each in untold)
    ranked = ((len(each.section.lines), each.words) for each in rankings)
    parts = ((len(broke), "broke"), (len(broken), "still broken"), (hidden, "not told"), *ranked)
    if not any(count for count, _ in parts):
        return None
    zone = settings.timezone
    sections = (
        _section("Broke", [_broke_line(each, zone) for each in broke]),
        _section("Still broken", [_broken_line(each, now, zone) for each in broken]),
        _section("Not told, and why", [_untold_line(each) for each in untold]),
        *(each.section for each in rankings),
    )
    return Notice(
        kind=NoticeKind.DIGEST,
        id=0,
        title=f"{settings.digest.capitalize()} digest: " + ", ".join(f"{n:,} {words}" for n, words in parts if n),
        tone=Tone.BAD if broken else Tone.GOOD if broke else Tone.PLAIN,
        facts=(("Period", clock_span(period.began_at, period.ended_at, zone)), *(_CUT if is_cut else ())),
        sections=tuple(section for section in sections if section.lines),
        links=_links(period),
    )


def place_of(repository: str | None, pipeline: str, branch: str | None) -> str:
    """`acme/web ci on main`, as messages say it."""
    name, owner = one_line(pipeline, 80), one_line(repository or "", 80)
    where = name if not owner or owner == name else f"{owner} {name}"
    return f"{where} on {one_line(branch, 60)}" if branch else where


def _section(title: str, lines: Sequence[Line]) -> Section:
    return Section(title=title, lines=tuple(lines[:MOST_LINES]), more=max(0, len(lines) - MOST_LINES))


def _broke_line(incident: Digested, zone: str) -> Line:
    if incident.fixed_at is None:
        tone, label, when = Tone.BAD, "broken", f"since {clock_time(incident.opened_at, zone)}"
        if incident.status is IncidentStatus.FLAPPING:
            tone, label = Tone.UNSTEADY, "flapping"
    else:
        lasted = in_words((incident.fixed_at - incident.opened_at).total_seconds())
        tone, label, when = Tone.GOOD, "fixed", f"{clock_span(incident.opened_at, incident.fixed_at, zone)}, {lasted}"
    told = "told" if incident.is_told else f"not told: {one_line(incident.reason or 'no route tells of it', 150)}"
    return _line(incident, tone, label, when, told)


def _broken_line(incident: Digested, now: datetime, zone: str) -> Line:
    is_flapping = incident.status is IncidentStatus.FLAPPING
    lasted = in_words(max(0.0, (now - incident.opened_at).total_seconds()))
    count = f"{incident.failures} failures" if incident.failures > 1 else "1 failure"
    tone, label = (Tone.UNSTEADY, "flapping") if is_flapping else (Tone.BAD, "broken")
    return _line(incident, tone, label, f"since {clock_time(incident.opened_at, zone)}, {lasted}", count)


def _line(incident: Digested, tone: Tone, label: str, *parts: str) -> Line:
    subject = incident.subject
    place = place_of(subject.repository, subject.pipeline, subject.branch)
    return Line(tone=tone, label=label, text=" · ".join((place, *parts)), url=f"/api/incidents/{incident.id}")


def _untold_line(untold: Untold) -> Line:
    left = untold.count - len(untold.examples)
    examples = ", ".join(untold.examples) + (f" and {left:,} more" if left else "")
    label = "once" if untold.count == 1 else f"{untold.count:,} times"
    text = one_line(untold.reason, 200) + (f" · {examples}" if untold.examples else "")
    return Line(tone=Tone.PLAIN, label=label, text=text)


def _links(period: Period) -> tuple[tuple[str, str], ...]:
    bounds = {
        "since": f"{period.began_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "until": f"{period.ended_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    return (
        ("What broke in that time", f"/api/incidents?{urlencode(bounds, safe=':')}"),
        ("What is broken now", "/api/incidents?status=broken,flapping"),
    )
