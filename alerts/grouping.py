"""What a receiver hears next: how things stand against what it was told, what holds it back, who goes first; pure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.message import Kind
from alerts.outages import Outage, muted_by
from alerts.quiet_hours import quiet_until
from alerts.rules import Rules
from alerts.silences import in_words, silenced_by
from alerts.verdicts import STALE
from shared.config.routes import RouteSettings, Subject, Told
from shared.incident_status import OPEN, IncidentStatus

LOOK_AGAIN_AFTER = timedelta(seconds=30)
"""How soon an outage is looked at again whose end nobody knows."""

ROUTE_CHANGED = "this route was changed meanwhile"
NO_REPEATS = "this route repeats nothing any more"
NOTHING_NEW = "nothing is new to this receiver any more"
TOO_OLD = f"older than {STALE.total_seconds() / 3600:.0f} h: it is in the digest"

_WORDS = {
    Kind.BROKE: "broke",
    Kind.STILL_FAILING: "still_failing",
    Kind.FLAPPING: "flapping",
    Kind.FIXED: "fixed",
    Kind.RECOVERED: "broke or fixed",
}

_ORDER = (Kind.BROKE, Kind.FLAPPING, Kind.STILL_FAILING, Kind.FIXED, Kind.RECOVERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What a receiver was last told of an incident, how the incident stands now, and which routes asked to tell it.

    `told` is None where nothing was told yet; `routes` are those that asked since, `asked_by` those that ever did.
    `held` says what held it last, which ended at `due_at`; `turn_at` is when more may be said in its thread.
    `is_tried`: it may have been told already.
    """

    incident_id: int
    subject: Subject
    version: int
    status: IncidentStatus
    failures: int
    opened_at: datetime
    routes: tuple[str, ...]
    wants: frozenset[Told]
    told: IncidentStatus | None
    told_failures: int
    wanted_at: datetime
    wanted_pos: int | None
    news_at: datetime
    due_at: datetime
    why: str | None
    held: str | None
    is_reminder: bool
    is_tried: bool = False
    thread_id: int | None = None
    turn_at: datetime | None = None
    asked_by: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class Ready:
    """To be told now, as this; again after so many seconds where it is still open."""

    telling: Telling
    kind: Kind
    repeat_seconds: float | None


@dataclass(frozen=True, slots=True)
class Held:
    """Not now; looked at again at `until`."""

    telling: Telling
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Dropped:
    """Not at all; of what a receiver refused, again after so many seconds where it is still open."""

    telling: Telling
    reason: str
    repeat_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is in force while a receiver's news is looked through; `slot_at` is when it might hear more at last."""

    receiver: str
    rules: Rules
    outages: Collection[Outage] = ()
    slot_at: datetime | None = None


def kind_to_tell(telling: Telling, wants: Collection[Told]) -> Kind | None:
    """How the incident differs from what was told of it; None where it does not."""
    if telling.told is None:
        return _first_kind(telling, wants)
    if telling.told is IncidentStatus.FIXED:
        return None
    if not telling.is_open:
        return Kind.FIXED
    if telling.told is IncidentStatus.BROKEN and telling.status is IncidentStatus.FLAPPING:
        return Kind.FLAPPING
    return Kind.STILL_FAILING if _is_worse(telling, wants) or telling.is_reminder else None


def _is_worse(telling: Telling, wants: Collection[Told]) -> bool:
    """Whether it failed more often than was told, to somebody who wants to know."""
    return telling.failures > telling.told_failures and Told.STILL_FAILING in wants


def _first_kind(telling: Telling, wants: Collection[Told]) -> Kind:
    """What is said of an incident that this receiver has heard nothing of."""
    tells = {Told.BROKE, Told.FLAPPING} & set(wants)
    if not telling.is_open:
        is_known = bool(tells) or Told.STILL_FAILING in wants
        return Kind.RECOVERED if is_known or Told.FIXED not in wants else Kind.FIXED
    if telling.failures > 1 and not tells:
        return Kind.STILL_FAILING
    is_flapping = telling.status is IncidentStatus.FLAPPING and Told.FLAPPING in wants
    return Kind.FLAPPING if is_flapping else Kind.BROKE


def weigh(telling: Telling, setting: Setting, now: datetime) -> Ready | Held | Dropped:
    """What becomes of one piece of news now: told, held back or dropped, and why."""
    routes = routes_in_force(telling.routes, telling, setting)
    wants = _wants(telling, routes)
    kind = _wanted_kind(telling, routes, wants, setting)
    if isinstance(kind, Dropped):
        return kind
    # A repeat keeps the quiet hours of those that repeat: whoever asked once only asks for none.
    if telling.is_reminder and kind is Kind.STILL_FAILING and not _is_worse(telling, wants):
        repeating = _repeating(telling, setting)
        if not repeating and telling.why is None:
            return Dropped(telling, NO_REPEATS)
        routes = repeating or routes
    if (held := _hold(telling, kind, routes, setting, now)) is not None:
        return held
    if not telling.is_reminder and now - _fresh_at(telling, setting) > STALE:
        return Dropped(telling, TOO_OLD)
    return Ready(telling, kind, _repeat_seconds(telling, setting))


def _wanted_kind(
    telling: Telling, routes: Collection[RouteSettings], wants: Collection[Told], setting: Setting
) -> Kind | Dropped:
    """What there is to tell that these routes want told; why nothing, if nothing."""
    if not routes:
        return Dropped(telling, ROUTE_CHANGED, _repeat_seconds(telling, setting) if telling.is_reminder else None)
    kind = kind_to_tell(telling, wants)
    if kind is None:
        return Dropped(telling, NOTHING_NEW)
    return kind if _is_wanted(kind, wants, telling) else Dropped(telling, f"this route does not tell {_WORDS[kind]}")


def _repeat_seconds(telling: Telling, setting: Setting) -> float | None:
    """How soon it is said again; one more route that asks now takes nothing from those that asked before."""
    repeats = [route.repeat_every or 0.0 for route in _repeating(telling, setting)]
    return min(repeats, default=None) if telling.is_open else None


def _repeating(telling: Telling, setting: Setting) -> list[RouteSettings]:
    """Of the routes that ever asked those that want it said again."""
    routes = setting.rules.routes
    named = [name for name in {*telling.asked_by, *telling.routes} if name in routes and routes[name].repeat_every]
    return routes_in_force(named, telling, setting)


def routes_in_force(names: Iterable[str], telling: Telling, setting: Setting) -> list[RouteSettings]:
    """Those of the routes that asked, as they are now; without those that are gone, fit no more or lead elsewhere."""
    named = (setting.rules.routes.get(name) for name in names)
    return [
        route
        for route in named
        if route is not None
        and not route.every_transition
        and setting.receiver in route.receivers
        and route.mismatch(telling.subject) is None
    ]


def in_order(ready: Iterable[Ready]) -> list[Ready]:
    """What is worse comes first, and of the same kind what began earlier."""
    return sorted(ready, key=lambda each: (_ORDER.index(each.kind), each.telling.opened_at, each.telling.incident_id))


def whose_turn(
    ready: Iterable[Ready], next_at: datetime, now: datetime, *, has_threads: bool
) -> tuple[int | None, list[Ready]] | None:
    """What one message tells now, and in which thread (None: in a new message); None while all of it has to wait.

    Something in it has to be due; what came while that waited goes along. Of several conversations the one goes first
    whose news waits longest.
    """
    conversations = defaultdict[int | None, list[Ready]](list)
    for each in ready:
        conversations[each.telling.thread_id if has_threads else None].append(each)
    open_now = [
        (thread_id, lines)
        for thread_id, lines in conversations.items()
        if _turn_of(thread_id, lines, next_at) <= now and any(each.telling.due_at <= now for each in lines)
    ]
    return min(open_now, key=lambda each: (min(line.telling.wanted_at for line in each[1]), not each[0]), default=None)


def counted(ready: Sequence[Ready]) -> Mapping[Kind, int]:
    """How often each kind is told."""
    return Counter(each.kind for each in ready)


def _turn_of(thread_id: int | None, lines: Sequence[Ready], next_at: datetime) -> datetime:
    """When the conversation may go on; all of its lines say the same."""
    turn_at = lines[0].telling.turn_at
    return next_at if thread_id is None or turn_at is None else turn_at


def _wants(telling: Telling, routes: Iterable[RouteSettings]) -> frozenset[Told]:
    """What the routes tell now; of what they asked for then, where that is known."""
    told = frozenset(word for route in routes for word in route.on)
    return told & telling.wants if telling.wants else told


def _is_wanted(kind: Kind, wants: Collection[Told], telling: Telling) -> bool:
    match kind:
        case Kind.RECOVERED:
            return Told.BROKE in wants or Told.FIXED in wants
        case Kind.STILL_FAILING:
            return Told.STILL_FAILING in wants or telling.is_reminder
        case _:
            return Told(kind) in wants


def _hold(
    telling: Telling, kind: Kind, routes: Sequence[RouteSettings], setting: Setting, now: datetime
) -> Held | Dropped | None:
    """What holds this back: a silence, an outage that may have caused it, quiet hours of every route that asked."""
    silence = silenced_by(setting.rules.silences, telling.subject, now)
    # It would be told of something that is over, unless its failure may have arrived after all.
    if silence is not None and kind is Kind.RECOVERED and not telling.is_tried:
        return Dropped(telling, in_words(silence))
    if silence is not None:
        return Held(telling, in_words(silence), silence.ends_at)
    outage = muted_by(setting.outages, telling.subject.instance, telling.news_at)
    if outage is not None:
        return Held(telling, outage.words(), now + LOOK_AGAIN_AFTER)
    ends = [None if route.quiet_hours is None else quiet_until(route.quiet_hours, now) for route in routes]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends):
        return None
    until = min(known)
    return Held(telling, f"quiet hours until {until:%Y-%m-%d %H:%M} UTC", until)


def _fresh_at(telling: Telling, setting: Setting) -> datetime:
    """When this became news: at the build's finish, at the end of what held it, or when its turn came."""
    instants = [telling.news_at]
    if telling.held is not None:
        instants.append(telling.due_at)
    if setting.slot_at is not None:
        instants.append(setting.slot_at)
    return max(instants)
