"""What rules would have told each receiver of a run of events: the planner's and the composer's rules, time simulated.

Pure: what is asked of the tables is handed in. A message of news is counted once, also where the receiver would have
it in several threads.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush

from alerts.grouping import LOOK_AGAIN_AFTER, Dropped, Held, Ready, Setting, Telling, counted, in_order, weigh
from alerts.incidents import Incident
from alerts.message import Kind, Message
from alerts.notice import MOST_LINES, line_of, notice_of, notice_of_group
from alerts.novelty import Novelty
from alerts.outages import Outage
from alerts.plan_read import Key, Logged
from alerts.plan_routes import Decided, Fitting, Routed, ask_routes
from alerts.routes import Facts, Outcome, judge_fitting
from alerts.rules import Rules
from shared.config.routes import Subject, Told
from shared.config.settings import ReceiverSettings
from shared.incident_status import IncidentStatus

NO_ROUTE = "no route to this receiver fits"

# What differs from one to the next is left out of a reason before it is counted.
_GISTS = (
    (
        re.compile(r"its failed jobs? \(.*\) failed in build .*", re.DOTALL),
        "its failed jobs failed in an earlier build",
    ),
    (re.compile(r"quiet hours until .*"), "quiet hours"),
    (re.compile(r" from \d{4}-\d\d-\d\d \d\d:\d\d \S+$"), ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message as it would have been sent; `more` lines are left out. `incidents` are all it tells of."""

    at: datetime
    title: str
    lines: tuple[str, ...]
    more: int = 0
    incidents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Noted:
    """A message before anybody wants to read it: its title in the raw feed, else what its first lines tell of.

    Rendering costs more than everything else here, and few of the messages are looked at.
    """

    at: datetime
    incidents: tuple[int, ...]
    title: str = ""
    counts: Mapping[Kind, int] = field(default_factory=dict)
    told: tuple[tuple[Kind, Incident, Logged, str | None], ...] = ()


@dataclass(slots=True)
class Outlook:
    """What one receiver would have got. `feed` counts the raw feed's messages, which are among `noted`.

    `hidden` counts changes of incidents that were not told by their reason, `held` incidents that had to wait by what
    held them.
    """

    timezone: str = "UTC"
    noted: list[Noted] = field(default_factory=list)
    feed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    incidents: set[int] = field(default_factory=set)
    hidden: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)

    def sent(self, most: int) -> tuple[Sent, ...]:
        """The first messages as the receiver would have read them; no more than the simulation was to keep."""
        return tuple(_sent(each, self.timezone) for each in self.noted[:most])


@dataclass(slots=True)
class _Known:
    """A receiver's telling of an incident, as its row would stand."""

    routes: tuple[str, ...] = ()
    asked_by: tuple[str, ...] = ()
    wants: frozenset[Told] = frozenset()
    told: IncidentStatus | None = None
    told_failures: int = 0
    wanted_at: datetime | None = None
    news_at: datetime | None = None
    due_at: datetime | None = None
    why: str | None = None
    held: str | None = None
    is_reminder: bool = False
    repeat_at: datetime | None = None


class _Inbox:
    """One receiver: what it knows, what waits for it, when it is looked after next."""

    def __init__(self, name: str, settings: ReceiverSettings) -> None:
        self.name = name
        self.settings = settings
        self.known: dict[int, _Known] = {}
        self.waiting: set[int] = set()
        self.next_at: datetime | None = None
        self.wake_at: datetime | None = None
        self.outlook = Outlook(timezone=settings.timezone)


class Simulation:
    """Rules at work on a run of events, with the `outages` there were; nothing is read and nothing sent.

    Of each receiver the first `most_sent` messages can be read afterwards; all are counted.
    """

    def __init__(self, rules: Rules, outages: Iterable[Outage] = (), *, most_sent: int = 100) -> None:
        self._rules = rules
        self._most_sent = most_sent
        self._outages = tuple(outages)
        self._inboxes = {name: _Inbox(name, settings) for name, settings in rules.receivers.items()}
        self._incidents: dict[int, tuple[Incident, Logged]] = {}
        self._subjects: dict[Key, Subject] = {}
        self._agenda: list[tuple[datetime, int, str, int | None]] = []
        self._entries = 0
        self.fitting = Fitting(rules)

    @property
    def is_novelty_asked(self) -> bool:
        """Whether a route wants to know which failures are new."""
        return any(each.novel_only for each in self._rules.routes.values())

    @property
    def outlooks(self) -> Mapping[str, Outlook]:
        """What each receiver would have got so far."""
        return {name: inbox.outlook for name, inbox in self._inboxes.items()}

    def assume_told(self, incident: Incident, logged: Logged) -> None:
        """Begin with an incident that was open before: whoever is told of it by these rules has been told."""
        told = Told.FLAPPING if incident.status is IncidentStatus.FLAPPING else Told.BROKE
        facts = Facts(failures=incident.failures, is_flapping=told is Told.FLAPPING)
        for route, receiver in self.fitting.leads(logged):
            if not incident.is_silent and judge_fitting(route, told, facts).outcome is Outcome.QUEUED:
                known = self._inboxes[receiver].known.setdefault(incident.id, _Known())
                known.told, known.told_failures = incident.status, incident.failures
        self._incidents[incident.id] = incident, logged

    def take(self, decided: Decided, novelties: Mapping[int, Novelty], at: datetime) -> None:
        """Plan what an event means; everything due before it has been told by then."""
        self.pass_time(at)
        if decided.change is None or decided.change.told is None:
            return
        incident = decided.change.incident
        self._incidents[incident.id] = incident, decided.logged
        heard = frozenset(name for name, inbox in self._inboxes.items() if incident.id in inbox.known)
        routed = ask_routes([decided], self.fitting, {incident.id: heard}, novelties, at)
        self._count_hidden(routed)
        asking: dict[str, set[str]] = {}
        for routing in routed.routings:
            if routing.outcome is Outcome.QUEUED:
                asking.setdefault(routing.receiver, set()).add(routing.route)
        for (receiver, _), wanted in routed.wanted.items():
            inbox = self._inboxes[receiver]
            known = inbox.known.setdefault(incident.id, _Known())
            known.routes = tuple(sorted({*known.routes, *asking[receiver]}))
            known.asked_by = tuple(sorted({*known.asked_by, *asking[receiver]}))
            known.wants |= wanted.wants
            known.news_at, known.why = wanted.news_at, wanted.why or known.why
            self._want(inbox, incident.id, known, at)

    def feed(self, receiver: str, title: str, at: datetime) -> None:
        """Send one message of the raw feed, which waits for nothing."""
        outlook = self._inboxes[receiver].outlook
        outlook.noted.append(Noted(at, (), title))
        outlook.feed += 1

    def hide(self, receiver: str, reason: str) -> None:
        """Count one message that was not sent."""
        self._inboxes[receiver].outlook.hidden[_gist(reason)] += 1

    def pass_time(self, until: datetime) -> None:
        """Tell what is due until then, each receiver at its time."""
        while self._agenda and self._agenda[0][0] <= until:
            at, _, receiver, incident_id = heappop(self._agenda)
            inbox = self._inboxes[receiver]
            if incident_id is not None:
                self._remind(inbox, incident_id, at)
            elif at == inbox.wake_at:
                inbox.wake_at = None
                self._tell(inbox, at)

    def _count_hidden(self, routed: Routed) -> None:
        """Of each receiver the first reason, unless some route tells it; and that none fits."""
        by_receiver: dict[str, list[tuple[Outcome, str | None]]] = {}
        for each in routed.routings:
            by_receiver.setdefault(each.receiver, []).append((each.outcome, each.reason))
        for name, inbox in self._inboxes.items():
            outcomes = by_receiver.get(name, [])
            if not outcomes:
                inbox.outlook.hidden[NO_ROUTE] += 1
            elif all(outcome is not Outcome.QUEUED for outcome, _ in outcomes):
                inbox.outlook.hidden[_gist(outcomes[0][1] or "")] += 1

    def _want(self, inbox: _Inbox, incident_id: int, known: _Known, at: datetime) -> None:
        """Have the receiver hear of it after the group's wait, or when what holds it ends."""
        wait_until = at + timedelta(seconds=inbox.settings.group_wait)
        known.wanted_at = known.wanted_at or at
        if known.held is None:
            known.due_at = min(known.due_at or wait_until, wait_until)
        inbox.waiting.add(incident_id)
        self._wake(inbox, known.due_at)

    def _wake(self, inbox: _Inbox, due_at: datetime | None) -> None:
        """Look after the receiver when what waits is due, and its interval is over."""
        if due_at is None:
            return
        at = due_at if inbox.next_at is None else max(due_at, inbox.next_at)
        if inbox.wake_at is None or at < inbox.wake_at:
            inbox.wake_at = at
            self._note(at, inbox.name, None)

    def _note(self, at: datetime, receiver: str, incident_id: int | None) -> None:
        self._entries += 1
        heappush(self._agenda, (at, self._entries, receiver, incident_id))

    def _tell(self, inbox: _Inbox, at: datetime) -> None:
        """Compose one message of everything that waits and that nothing holds."""
        outages = tuple(_as_of(each, at) for each in self._outages if each.began_at <= at)
        setting = Setting(receiver=inbox.name, rules=self._rules, outages=outages, slot_at=inbox.next_at)
        ready: list[Ready] = []
        for incident_id in sorted(inbox.waiting, reverse=True):
            known = inbox.known[incident_id]
            if known.held is not None and known.due_at is not None and known.due_at > at:
                continue
            match weigh(self._telling(incident_id, known), setting, at):
                case Ready() as found:
                    ready.append(found)
                case Held() as found:
                    self._hold(inbox, known, found, at)
                case Dropped() as found:
                    inbox.outlook.hidden[_gist(found.reason)] += 1
                    self._settle(inbox, incident_id, known)
        if ready:
            self._send(inbox, in_order(ready), at)
        due = (inbox.known[each].due_at for each in inbox.waiting)
        self._wake(inbox, min((instant for instant in due if instant is not None), default=None))

    def _hold(self, inbox: _Inbox, known: _Known, found: Held, at: datetime) -> None:
        if known.held != found.reason:
            inbox.outlook.held[_gist(found.reason)] += 1
        known.held, known.due_at = found.reason, found.until
        if found.until == at + LOOK_AGAIN_AFTER:
            # Here it is known when an outage ends, so nobody has to look every half minute.
            ends = [end for each in self._outages if each.began_at <= at and (end := each.ended_at) and end > at]
            known.due_at = max(found.until, min(ends, default=found.until))

    def _send(self, inbox: _Inbox, ready: list[Ready], at: datetime) -> None:
        incidents = tuple(each.telling.incident_id for each in ready)
        # What nobody is going to read is only counted.
        shown = ready[:MOST_LINES] if len(inbox.outlook.noted) < self._most_sent else ()
        told = tuple((each.kind, *self._incidents[each.telling.incident_id], each.telling.why) for each in shown)
        inbox.outlook.noted.append(Noted(at, incidents, "", counted(ready), told))
        inbox.outlook.kinds.update(str(each.kind) for each in ready)
        inbox.outlook.incidents.update(incidents)
        inbox.next_at = at + timedelta(seconds=inbox.settings.group_interval)
        for each in ready:
            known = inbox.known[each.telling.incident_id]
            known.told, known.told_failures = each.telling.status, each.telling.failures
            if not each.telling.is_open:
                known.told = IncidentStatus.FIXED
            self._settle(inbox, each.telling.incident_id, known)
            known.repeat_at = None
            if each.repeat_seconds is not None:
                known.repeat_at = at + timedelta(seconds=each.repeat_seconds)
                self._note(known.repeat_at, inbox.name, each.telling.incident_id)

    def _settle(self, inbox: _Inbox, incident_id: int, known: _Known) -> None:
        inbox.waiting.discard(incident_id)
        known.wanted_at = known.due_at = known.held = known.why = None
        known.is_reminder, known.routes = False, ()

    def _remind(self, inbox: _Inbox, incident_id: int, at: datetime) -> None:
        """Tell again at once what is still broken; where news waits already, with that."""
        known = inbox.known[incident_id]
        if known.repeat_at != at or not self._incidents[incident_id][0].is_open:
            return
        known.is_reminder, known.repeat_at = True, None
        if known.wanted_at is None:
            known.wanted_at = known.due_at = known.news_at = at
            inbox.waiting.add(incident_id)
            self._wake(inbox, at)

    def _subject(self, logged: Logged) -> Subject:
        """Made once for each branch: what routes match is asked for at every look."""
        found = self._subjects.get(logged.key)
        if found is None:
            found = self._subjects[logged.key] = logged.subject
        return found

    def _telling(self, incident_id: int, known: _Known) -> Telling:
        incident, logged = self._incidents[incident_id]
        wanted_at = known.wanted_at or incident.opened_at
        return Telling(
            incident_id=incident_id,
            subject=self._subject(logged),
            version=incident.version,
            status=incident.status,
            failures=incident.failures,
            opened_at=incident.opened_at,
            routes=known.routes or known.asked_by,
            wants=known.wants,
            told=known.told,
            told_failures=known.told_failures,
            wanted_at=wanted_at,
            wanted_pos=None,
            news_at=known.news_at or wanted_at,
            due_at=known.due_at or wanted_at,
            why=known.why,
            held=known.held,
            is_reminder=known.is_reminder,
            thread_id=None,
            asked_by=known.asked_by,
        )


def _sent(noted: Noted, timezone: str) -> Sent:
    if not noted.told:
        return Sent(at=noted.at, title=noted.title, lines=())
    messages = [_message(kind, incident, logged, why, timezone) for kind, incident, logged, why in noted.told]
    notice = notice_of(messages[0], 0) if len(messages) == 1 else notice_of_group(messages, noted.counts, 0)
    lines = tuple(f"{line.label}: {line.text}" for line in map(line_of, messages))
    more = len(noted.incidents) - len(messages)
    return Sent(at=noted.at, title=notice.title, lines=lines, more=more, incidents=noted.incidents)


def _message(kind: Kind, incident: Incident, logged: Logged, why: str | None, timezone: str) -> Message:
    """What is said of an incident, by its latest event."""
    row = logged.row
    return Message(
        kind=kind,
        status=logged.transition.to_status,
        is_unstable=row.is_unstable,
        instance=row.instance,
        repository=row.repository,
        pipeline=row.pipeline,
        branch=incident.branch or None,
        build_id=row.build_id,
        number=row.number,
        attempt=row.attempt,
        commit_sha=row.commit_sha,
        commit_message=row.commit_message,
        author=row.author,
        duration_seconds=row.duration_seconds,
        finished_at=row.finished_at,
        broken_since=incident.opened_at,
        web_url=row.web_url,
        breaks=incident.flaps + 1,
        failures=incident.failures,
        fixed_at=incident.fixed_at,
        why=why,
        timezone=timezone,
    )


def _as_of(outage: Outage, at: datetime) -> Outage:
    """An outage as it was known then: one that ends later had no end."""
    return replace(outage, ended_at=None) if outage.ended_at is not None and outage.ended_at > at else outage


def _gist(reason: str) -> str:
    """A reason without what differs from one incident to the next."""
    for pattern, words in _GISTS:
        reason = pattern.sub(words, reason)
    return reason
