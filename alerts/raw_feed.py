"""The raw feed: routes with `every_transition`, one message for each change of a build's status, ungrouped."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from alerts.message import Kind, Message
from alerts.notice import NoticeKind, notice_of, to_row
from alerts.plan_read import Logged, transition_message
from alerts.plan_routes import Routed, Routing
from alerts.routes import Outcome, why_no_news
from alerts.rules import Rules
from alerts.silences import in_words, silenced_by
from alerts.usual import usual_seconds
from shared.config.routes import RouteSettings, Subject

IS_SUPERSEDED = "it is about an attempt that is no longer the build's latest"

# One row a receiver and event, for ever: the unique key makes planning the same event again a no-op.
_DELIVERIES = text("""
    INSERT INTO deliveries (receiver, kind, key, event_pos, build_id, attempt, message, next_try_at, created_at)
    SELECT receiver, 'transition', 'event:' || event_pos, event_pos, build_id, attempt, message, :now, :now
    FROM jsonb_to_recordset(:rows) AS planned(receiver text, event_pos bigint, build_id bigint, attempt integer,
        message jsonb)
    ORDER BY event_pos, receiver
    ON CONFLICT DO NOTHING
""").bindparams(bindparam("rows", type_=JSONB))


@dataclass(frozen=True, slots=True)
class Fed:
    """What raw feeds made of one event: each route's word for each receiver, and why routes did not fit."""

    logged: Logged
    routings: tuple[Routing, ...]
    unmatched: Mapping[str, str]


def is_wanted(rules: Rules) -> bool:
    """Whether any route wants every change."""
    return any(each.every_transition for each in rules.routes.values())


def feed(rules: Rules, logged: Iterable[Logged], now: datetime) -> list[Fed]:
    """What the raw feeds make of each event, in the log's order; pure."""
    routes = [each for each in rules.routes.values() if each.every_transition]
    return [_fed(rules, routes, each, now) for each in logged]


def _fed(rules: Rules, routes: Iterable[RouteSettings], logged: Logged, now: datetime) -> Fed:
    subject = logged.subject
    reasons = {route.name: _mismatch(route, logged, subject) for route in routes}
    reason = _why_not(rules, logged, subject, now)
    routings = tuple(
        Routing(
            event_pos=logged.pos,
            route=route.name,
            receiver=receiver,
            incident_id=None,
            kind=Kind.TRANSITION,
            outcome=Outcome.QUEUED if reason is None else Outcome.SUPPRESSED,
            reason=reason,
        )
        for route in routes
        if reasons[route.name] is None
        for receiver in dict.fromkeys(route.receivers)
        if receiver in rules.receivers
    )
    return Fed(logged, routings, {name: why for name, why in reasons.items() if why is not None})


def _mismatch(route: RouteSettings, logged: Logged, subject: Subject) -> str | None:
    """Why the route wants nothing of this change, in words; None where it does."""
    status = logged.transition.to_status
    if route.status and status not in route.status:
        return f"status {status} is none of {', '.join(route.status)}"
    return route.mismatch(subject)


def _why_not(rules: Rules, logged: Logged, subject: Subject, now: datetime) -> str | None:
    """Why nobody is sent this change; None when it is sent."""
    if logged.transition.is_superseded:
        return IS_SUPERSEDED
    if (reason := why_no_news(logged.transition, now)) is not None:
        return reason
    silence = silenced_by(rules.silences, subject, now)
    return None if silence is None else in_words(silence)


def add_feed(routed: Routed, fed: Iterable[Fed]) -> None:
    """Put what the raw feeds made of the events beside what the other routes did."""
    for each in fed:
        routed.routings.extend(each.routings)
        if each.unmatched:
            routed.unmatched[each.logged.pos] = {**routed.unmatched.get(each.logged.pos, {}), **each.unmatched}


def write_feed(session: Session, fed: Iterable[Fed], rules: Rules, now: datetime) -> None:
    """One delivery for each receiver and event that a raw feed sends; two statements, whatever it holds."""
    queued = {
        (each.logged.pos, routing.receiver): each.logged
        for each in fed
        for routing in each.routings
        if routing.outcome is Outcome.QUEUED
    }
    usual = usual_seconds(session, (logged.key[0] for logged in queued.values()))
    rows = [
        {
            "receiver": receiver,
            "event_pos": pos,
            "build_id": logged.transition.build_id,
            "attempt": logged.transition.attempt,
            "message": _notice(
                transition_message(logged, usual.get(logged.key[0])), rules.receivers[receiver].timezone
            ),
        }
        for (pos, receiver), logged in queued.items()
    ]
    session.execute(_DELIVERIES, {"rows": rows, "now": now})


def _notice(message: Message, timezone: str) -> dict[str, object]:
    """The message as its delivery's row holds it; the sender knows the delivery's id."""
    return to_row(notice_of(replace(message, timezone=timezone), 0, NoticeKind.TRANSITION))
