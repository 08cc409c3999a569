"""What the routes make of a batch of changes: who is to hear of which incident, and why the others are not; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from alerts.incidents import Change, Incident
from alerts.novelty import Asked, Novelty
from alerts.plan_read import Key, Logged
from alerts.routes import Outcome, facts_of, judge_fitting
from alerts.rules import Rules
from alerts.verdicts import Decision
from shared.config.routes import RouteSettings, Told


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of one event of the log; `incident` is the one it is about as it stood then, None for none."""

    logged: Logged
    decision: Decision
    incident: Incident | None = None
    change: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """What a route made of an event for one receiver; of a queued one `reason` is what made it worth telling."""

    event_pos: int
    route: str
    receiver: str
    incident_id: int | None
    kind: str
    outcome: Outcome
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a receiver is to hear of an incident: asked by this route for the event at `pos`.

    `asked_by` are all that asked within the batch, `wants` their words.
    """

    route: str
    asked_by: frozenset[str]
    pos: int
    wants: frozenset[Told]
    news_at: datetime
    why: str | None


@dataclass(frozen=True, slots=True)
class Routed:
    """What all routes made of a batch; `wanted` by receiver and incident, `unmatched` by event and route."""

    routings: list[Routing] = field(default_factory=list)
    wanted: dict[tuple[str, int], Wanted] = field(default_factory=dict)
    unmatched: dict[int, dict[str, str]] = field(default_factory=dict)


class Fitting:
    """Which routes about incidents fit a branch, and where they lead, in their order; each branch is matched once."""

    def __init__(self, rules: Rules) -> None:
        self._routes = [each for each in rules.routes.values() if not each.every_transition]
        self._receivers = rules.receivers
        self._is_novelty_asked = any(each.novel_only for each in self._routes)
        self._unmatched: dict[Key, dict[str, str]] = {}
        self._leads: dict[Key, list[tuple[RouteSettings, str]]] = {}

    def unmatched(self, logged: Logged) -> dict[str, str]:
        """Why routes do not fit, by the names of those that do not."""
        found = self._unmatched.get(logged.key)
        if found is None:
            reasons = {each.name: each.mismatch(logged.subject) for each in self._routes}
            found = self._unmatched[logged.key] = {name: why for name, why in reasons.items() if why is not None}
        return found

    def leads(self, logged: Logged) -> list[tuple[RouteSettings, str]]:
        """The routes that fit, each with every receiver it leads to; one that is not there is passed over."""
        found = self._leads.get(logged.key)
        if found is None:
            unmatched = self.unmatched(logged)
            found = self._leads[logged.key] = [
                (route, receiver)
                for route in self._routes
                if route.name not in unmatched
                for receiver in dict.fromkeys(route.receivers)
                if receiver in self._receivers
            ]
        return found

    def asks_for_novelty(self, decided: Iterable[Decided], now: datetime) -> list[Asked]:
        """The failures of which some route wants to know whether they are new."""
        if not self._is_novelty_asked:
            return []
        return [
            _asked(each.logged.pos, each.change)
            for each in decided
            if each.change is not None
            and _is_failure(each.change, now)
            and any(route.novel_only for route, _ in self.leads(each.logged))
        ]


def ask_routes(
    decided: Iterable[Decided],
    fitting: Fitting,
    heard: Mapping[int, frozenset[str]],
    novelties: Mapping[int, Novelty],
    now: datetime,
) -> Routed:
    """What every route makes of every change, in the log's order.

    `heard` are the receivers that were to hear of an incident before this batch, by its id; `novelties` are by the
    event's position.
    """
    routed, known = Routed(), {incident_id: set(receivers) for incident_id, receivers in heard.items()}
    for each in decided:
        if each.change is None or (told := each.change.told) is None:
            continue
        incident_id, pos = each.change.incident.id, each.logged.pos
        if unmatched := fitting.unmatched(each.logged):
            routed.unmatched[pos] = unmatched
        facts = replace(facts_of(each.change, now), novelty=novelties.get(pos))
        before = frozenset(known.setdefault(incident_id, set()))
        for route, receiver in fitting.leads(each.logged):
            judgement = judge_fitting(route, told, facts if receiver not in before else replace(facts, is_known=True))
            routed.routings.append(
                Routing(
                    event_pos=pos,
                    route=route.name,
                    receiver=receiver,
                    incident_id=incident_id,
                    kind=told,
                    outcome=judgement.outcome,
                    reason=judgement.reason or judgement.why,
                )
            )
            if judgement.outcome is Outcome.QUEUED:
                known[incident_id].add(receiver)
                _want(routed.wanted, (receiver, incident_id), route, each.logged, judgement.why)
    return routed


def _is_failure(change: Change, now: datetime) -> bool:
    """Whether a change is a failure that is news to anybody."""
    return change.told not in (None, Told.FIXED) and facts_of(change, now).no_news is None


def _asked(pos: int, change: Change) -> Asked:
    return Asked(pos, (change.cause.build_id, change.cause.attempt), change.incident.first_bad_build_id)


def _want(
    wanted: dict[tuple[str, int], Wanted], key: tuple[str, int], route: RouteSettings, logged: Logged, why: str | None
) -> None:
    """Add what a route asks for; of those that ask for one event the first keeps its name there."""
    before = wanted.get(key)
    if before is None:
        wanted[key] = Wanted(
            route=route.name,
            asked_by=frozenset({route.name}),
            pos=logged.pos,
            wants=frozenset(route.on),
            news_at=logged.transition.finished_at,
            why=why,
        )
        return
    is_later = logged.pos > before.pos
    wanted[key] = Wanted(
        route=route.name if is_later else before.route,
        asked_by=before.asked_by | {route.name},
        pos=logged.pos,
        wants=before.wants | frozenset(route.on),
        news_at=logged.transition.finished_at,
        why=(why or before.why) if is_later else (before.why or why),
    )
