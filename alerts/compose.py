"""The next message to a receiver, made of what it has not heard: held back, dropped or told; claimed as it is written.

The number of statements does not depend on how many incidents there are.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from alerts import deliveries, tellings
from alerts.compose_read import read_members, read_messages, read_waiting
from alerts.deliveries import Claim
from alerts.grouping import Dropped, Held, Ready, Setting, counted, in_order, weigh, whose_turn
from alerts.notice import MOST_LINES, Notice, notice_of, notice_of_group
from alerts.outages import open_outages
from alerts.receiver import Reference
from alerts.receiver_states import Standing
from alerts.rules import Rules


@dataclass(frozen=True, slots=True)
class News:
    """A claimed message of news: what is sent, the incidents in it, and the conversation it answers, if it does."""

    claim: Claim
    notice: Notice
    lines: Sequence[Ready]
    reference: Reference | None = None


def compose(
    session: Session, standing: Standing, rules: Rules, now: datetime, lease: timedelta, *, has_threads: bool
) -> News | None:
    """Claim the receiver's next message of news; None where there is none to send now.

    The caller holds the receiver's lock, nothing is on its way to it, and it is not off.
    """
    ready = _look_through(session, standing, rules, now)
    turn = whose_turn(ready, standing.next_at, now, has_threads=has_threads)
    news = None
    if turn is not None:
        thread_id, lines = turn
        claim = deliveries.claim_news(session, standing.receiver, thread_id, now, lease)
        news = _write(session, claim, lines, rules)
    deliveries.put_aside(session, standing.receiver, now, claimed=None if news is None else news.claim.id)
    return news


def _look_through(session: Session, standing: Standing, rules: Rules, now: datetime) -> list[Ready]:
    """What may be told now, the worst first; the rest is put down as held or dropped."""
    receiver = standing.receiver
    waiting = read_waiting(session, receiver, now)
    if not waiting:
        return []
    setting = Setting(receiver=receiver, rules=rules, outages=open_outages(session), slot_at=_slot_at(standing, rules))
    weighed = [weigh(telling, setting, now) for telling in waiting]
    tellings.lock(session, receiver, waiting)
    if held := [each for each in weighed if isinstance(each, Held)]:
        tellings.hold(session, receiver, held)
    if dropped := [each for each in weighed if isinstance(each, Dropped)]:
        tellings.drop(session, receiver, dropped, now)
    return in_order(each for each in weighed if isinstance(each, Ready))


def _slot_at(standing: Standing, rules: Rules) -> datetime | None:
    """When its last message let it have another one: what waited for that is no older for it."""
    settings = rules.receivers.get(standing.receiver)
    if standing.last_sent_at is None or settings is None:
        return None
    return standing.last_sent_at + timedelta(seconds=settings.group_interval)


def _write(session: Session, claim: Claim, lines: Sequence[Ready], rules: Rules) -> News:
    """Put what is told into words and keep it with the claim."""
    settings = rules.receivers.get(claim.receiver)
    timezone = "UTC" if settings is None else settings.timezone
    shown = lines[:MOST_LINES]
    whys = {each.telling.incident_id: each.telling.why for each in shown}
    messages = read_messages(session, [(each.telling.incident_id, each.kind) for each in shown], whys, timezone)
    if len(lines) == len(messages) == 1:
        notice = notice_of(messages[0], claim.id)
    else:
        notice = notice_of_group(messages, counted(lines), claim.id, thread=f"delivery-{claim.id}")
    reference = None
    if claim.thread_id is not None:
        reference = deliveries.thread_reference(session, claim.thread_id)
        notice = replace(notice, board=_board(session, claim.receiver, claim.thread_id, timezone))
    deliveries.write_news(session, claim, notice, lines)
    tellings.begin(session, claim.receiver, lines)
    return News(claim, notice, lines, reference)


def _board(session: Session, receiver: str, thread_id: int, timezone: str) -> Notice | None:
    """What the conversation's first message says from now on: how everything it told of stands."""
    members = read_members(session, receiver, thread_id)
    if not members:
        return None
    shown = [(each.incident_id, each.kind) for each in members[:MOST_LINES]]
    messages, first_id = read_messages(session, shown, {}, timezone), members[0].first_id
    if len(members) == len(messages) == 1:
        return notice_of(messages[0], first_id)
    counts = Counter(each.kind for each in members)
    return notice_of_group(messages, counts, first_id, thread=f"delivery-{first_id}")
