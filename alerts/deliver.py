"""Messages on their way: claim (commit), send with no transaction open, settle where the fence matches (commit)."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event
from time import monotonic

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from alerts import deliveries, receiver_states, tellings
from alerts.compose import compose
from alerts.deliveries import LEASE, NEWS, NO_RECEIVER, ORPHANED_AFTER, TEST, Claim, State
from alerts.digest import LATEST
from alerts.grouping import Dropped, Ready
from alerts.message import parse_message
from alerts.notice import Notice, NoticeKind, notice_of, parse_notice
from alerts.receiver import Receiver, Reference
from alerts.rules import Rules
from alerts.verdicts import STALE
from shared.database import limit_waiting
from shared.errors import ReceiverGone, Rejected, RetryLater
from shared.log.redaction import redact

log = structlog.get_logger()

FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 3_600.0

_LONGEST_RUN_SECONDS = 5.0
_MOST_RECEIVERS_AT_ONCE = 16

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one run came to. `lost`: claims that somebody else had taken over before we could settle them."""

    sent: int = 0
    postponed: int = 0
    dead: int = 0
    expired: int = 0
    lost: int = 0

    def __add__(self, other: "Delivered") -> "Delivered":
        return Delivered(
            self.sent + other.sent,
            self.postponed + other.postponed,
            self.dead + other.dead,
            self.expired + other.expired,
            self.lost + other.lost,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try: how long this message waits, how long all else does, whether the receiver is no more."""

    state: State
    error: str | None = None
    wait_seconds: float = 0.0
    rest_seconds: float = 0.0
    is_gone: bool = False
    reference: Reference | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """One claimed message with what it is to tell; `notice` is None where the stored one cannot be read."""

    claim: Claim
    notice: Notice | None
    lines: Sequence[Ready] = ()
    reference: Reference | None = None

    @property
    def is_possible_repeat(self) -> bool:
        """Whether it may have arrived before; of news the incidents know, because its message is another each time."""
        if self.claim.kind == NEWS:
            return any(each.telling.is_tried for each in self.lines)
        return self.claim.tries > 1


@dataclass(frozen=True, kw_only=True)
class _Terms:
    engine: Engine
    rules: Rules
    clock: Clock
    lease: timedelta
    stop: Event


class Deliverer:
    """Sends what is due, each receiver on a thread of its own that outlives the call which began it.

    So one that hangs holds up neither the planner nor the others. Used by one thread at a time.
    """

    def __init__(self, engine: Engine, *, lease: timedelta = LEASE, stop: Event | None = None) -> None:
        self._engine = engine
        self._lease = lease
        self._stop = stop or Event()
        self._pool = ThreadPoolExecutor(_MOST_RECEIVERS_AT_ONCE, "deliver")
        self._running: dict[str, Future[Delivered]] = {}

    def begin(self, receivers: Mapping[str, Receiver], rules: Rules, now: datetime) -> Delivered:
        """Begin to send what is due where nothing is being sent yet; returns what has ended since the last call.

        Begins no message later than 5 s after the call; what is left is for the next one. A receiver that wants
        something later is left alone until then. Once `stop` is set nothing more is begun.
        """
        ended = self._ended() + Delivered(expired=_give_up_orphans(self._engine, {*receivers, *rules.receivers}, now))
        with Session(self._engine) as session, session.begin():
            busy = receiver_states.with_work(session, receivers, rules, now)
        terms = _Terms(engine=self._engine, rules=rules, clock=_clock_from(now), lease=self._lease, stop=self._stop)
        for name in sorted(set(busy) - self._running.keys()):
            self._running[name] = self._pool.submit(_deliver_to, name, receivers[name], terms)
        return ended

    def finish(self, seconds: float | None = None) -> Delivered:
        """Wait until what is under way is settled; what has ended. Nothing can be begun afterwards.

        With `seconds` it takes so long at most, and a receiver that no thread has taken up yet is left alone.
        """
        self._pool.shutdown(wait=seconds is None, cancel_futures=seconds is not None)
        # `wait` would wait for ever for what was cancelled: it asks for a thread that has taken note of it.
        wait_for([run for run in self._running.values() if not run.cancelled()], seconds)
        return self._ended()

    def _ended(self) -> Delivered:
        """What came of the runs that are over; raises what one of them raised."""
        total = Delivered()
        for name in [name for name, run in self._running.items() if run.done()]:
            run = self._running.pop(name)
            total += Delivered() if run.cancelled() else run.result()
        return total


def deliver_pending(
    engine: Engine,
    receivers: Mapping[str, Receiver],
    rules: Rules,
    now: datetime,
    *,
    lease: timedelta = LEASE,
    stop: Event | None = None,
) -> Delivered:
    """Send what is due and wait until it is settled."""
    deliverer = Deliverer(engine, lease=lease, stop=stop)
    expired = deliverer.begin(receivers, rules, now)
    return expired + deliverer.finish()


def back_off(tries: int) -> float:
    """Seconds to wait after so many tries: 5 s doubling to an hour, give or take a fifth."""
    wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(tries - 1, 20))
    return min(LONGEST_WAIT_SECONDS, wait * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load, keeps no secret)


def _give_up_orphans(engine: Engine, receivers: Iterable[str], now: datetime) -> int:
    names = sorted(receivers)
    with Session(engine) as session, session.begin():
        orphans = deliveries.expire_orphans(session, names, now)
        tellings.give_up_orphans(session, names, now, now - ORPHANED_AFTER, NO_RECEIVER)
    for delivery, receiver, event_pos in orphans:
        log.warning("expired", delivery=delivery, receiver=receiver, event_pos=event_pos, reason="not configured")
    return len(orphans)


def _deliver_to(name: str, receiver: Receiver, terms: _Terms) -> Delivered:
    """Send one receiver's due messages until none is left, it wants a rest, or the run is long enough."""
    total, ends_at = Delivered(), monotonic() + _LONGEST_RUN_SECONDS
    while monotonic() < ends_at and not terms.stop.is_set():
        with Session(terms.engine) as session, session.begin():
            job = _claim(session, name, receiver, terms)
        if job is None:
            break
        outcome = _try_once(receiver, job, terms.clock())
        total += _settle(job, outcome, terms)
        if outcome.state is State.PENDING or outcome.is_gone:
            break
    return total


def _claim(session: Session, name: str, receiver: Receiver, terms: _Terms) -> _Job | None:
    """Take the receiver's next message: what was planned in its order, then news as it is now."""
    limit_waiting(session)
    now = terms.clock()
    standing = receiver_states.take(session, name, terms.rules, now)
    if standing is None or deliveries.is_on_its_way(session, name):
        return None
    settings = terms.rules.receivers.get(name)
    if standing.off_since is not None and standing.off_settings != receiver_states.fingerprint(settings):
        receiver_states.switch_on(session, name, now)
        standing = replace(standing, off_since=None, paused_until=None)
        log.info("switched on", receiver=name, reason="its settings were changed")
    if standing.paused_until is not None and standing.paused_until > now:
        return None
    if standing.rules_version != terms.rules.version:
        receiver_states.follow_rules(session, name, terms.rules.version, now)
    is_off = standing.off_since is not None
    planned = deliveries.claim_planned(session, name, now, terms.lease, is_off=is_off)
    if planned is not None:
        return _Job(planned, _stored(planned))
    if is_off:
        tellings.hold_all(session, standing)
        return None
    news = compose(session, standing, terms.rules, now, terms.lease, has_threads=receiver.has_threads)
    return None if news is None else _Job(news.claim, news.notice, news.lines, news.reference)


def _stored(claimed: Claim) -> Notice | None:
    """What was planned. The version before kept messages instead of notices; what is left of those goes out as well."""
    try:
        return replace(parse_notice(claimed.message), id=claimed.id)
    except ValueError:
        pass
    try:
        return notice_of(parse_message(claimed.message), claimed.id)
    except ValueError:
        return None


def _try_once(receiver: Receiver, job: _Job, now: datetime) -> Outcome:
    """Send one claimed message, unless it was planned too long ago."""
    claimed, notice = job.claim, job.notice
    if notice is None:
        return Outcome(State.DEAD, "the stored message cannot be read")
    longest = LATEST if claimed.kind == NoticeKind.DIGEST else STALE
    if claimed.kind != NEWS and now - _planned_at(claimed, notice) > longest:
        return Outcome(State.EXPIRED, f"not taken within {longest.total_seconds() / 3600:.0f} h")
    try:
        reference = receiver.send(notice, is_possible_repeat=job.is_possible_repeat, thread=job.reference)
    except RetryLater as error:
        return _later(claimed, str(error), error.retry_after_seconds)
    except Rejected as error:
        return _refused(claimed, error)
    except Exception as error:  # noqa: BLE001 (the edge of one delivery; only the type is told, the text may hold the address)
        return _later(claimed, f"the receiver failed unexpectedly ({type(error).__name__})", None)
    return Outcome(State.SENT, reference=reference)


def _later(claimed: Claim, reason: str, wait_seconds: float | None) -> Outcome:
    """Once more, when the receiver says or after a growing while.

    A receiver that names no pause gets a short one, so that one message it cannot take does not hold up the rest.
    """
    if wait_seconds is not None:
        return Outcome(State.PENDING, reason, wait_seconds, wait_seconds)
    return Outcome(State.PENDING, reason, back_off(claimed.tries), FIRST_WAIT_SECONDS)


def _refused(claimed: Claim, error: Rejected) -> Outcome:
    """Given up, but for what was planned for a receiver that is gone: it waits until that is on again.

    News is composed anew then, and a trial has said what it was for.
    """
    is_gone = isinstance(error, ReceiverGone)
    is_kept = is_gone and claimed.kind not in (NEWS, TEST)
    return Outcome(State.PENDING if is_kept else State.DEAD, str(error), is_gone=is_gone)


def _planned_at(claimed: Claim, notice: Notice) -> datetime:
    """When it became news: when it was planned, or when its build finished if our clock was behind that."""
    return min([claimed.created_at, *(message.finished_at for message in notice.messages)])


def _settle(job: _Job, outcome: Outcome, terms: _Terms) -> Delivered:
    """Write what became of it, with all that follows for the receiver, in one commit."""
    claimed, now = job.claim, terms.clock()
    error = None if outcome.error is None else redact(outcome.error)
    next_try_at = now + timedelta(seconds=outcome.wait_seconds)
    with Session(terms.engine) as session, session.begin():
        receiver_states.wait_for(session, claimed.receiver)
        is_ours = deliveries.settle(session, claimed, outcome.state, now, error=error, next_try_at=next_try_at)
        if is_ours and outcome.state is State.DEAD and job.lines:
            tellings.lock(session, claimed.receiver, [each.telling for each in job.lines])
            tellings.was_refused(session, claimed.receiver, job.lines)
        if is_ours and outcome.is_gone:
            settings = terms.rules.receivers.get(claimed.receiver)
            receiver_states.switch_off(session, claimed.receiver, error or "", settings, now)
        elif is_ours and outcome.state is State.SENT:
            _settle_sent(session, job, outcome, terms, now)
        elif is_ours and outcome.state is State.PENDING:
            receiver_states.pause(session, claimed.receiver, now + timedelta(seconds=outcome.rest_seconds))
            if claimed.kind == NEWS:
                receiver_states.set_turn(session, claimed.receiver, claimed.thread_id, next_try_at)
        elif is_ours and job.lines:
            refused = [Dropped(each.telling, error or "", each.repeat_seconds) for each in job.lines]
            tellings.drop(session, claimed.receiver, refused, now, delivery=claimed.id)
        if is_ours and claimed.event_pos is not None and outcome.state is not State.PENDING:
            is_told = outcome.state is State.SENT
            deliveries.settle_routings(session, claimed, is_told=is_told, reason=error, now=now)
    fields = {"receiver": claimed.receiver, "delivery": claimed.id, "event_pos": claimed.event_pos}
    if not is_ours:
        log.warning("lost", **fields, reason="another worker has claimed this delivery")
        return Delivered(lost=1)
    return _count(outcome, fields | {"tries": claimed.tries, "incidents": len(job.lines)}, error)


def _settle_sent(session: Session, job: _Job, outcome: Outcome, terms: _Terms, now: datetime) -> None:
    """It was taken: what it told is told, and the receiver's next turn is an interval away."""
    claimed = job.claim
    receiver_states.was_sent_to(session, claimed.receiver, now)
    if claimed.kind == TEST and receiver_states.switch_on(session, claimed.receiver, now):
        log.info("switched on", receiver=claimed.receiver, reason="a trial arrived")
    if claimed.kind != NEWS:
        return
    settings = terms.rules.receivers.get(claimed.receiver)
    turn_at = now + timedelta(seconds=0.0 if settings is None else settings.group_interval)
    thread_id = claimed.thread_id
    receiver_states.set_turn(session, claimed.receiver, thread_id, turn_at)
    if outcome.reference is not None and thread_id is None:
        thread_id = deliveries.begin_thread(session, claimed, outcome.reference, now, turn_at)
    elif outcome.reference is not None and thread_id is not None and outcome.reference != job.reference:
        deliveries.rename_thread(session, thread_id, outcome.reference)
    told = [each.telling for each in job.lines]
    tellings.lock(session, claimed.receiver, told)
    tellings.tell(session, claimed.receiver, job.lines, now, delivery=claimed.id, thread_id=thread_id)


def _count(outcome: Outcome, fields: dict[str, object], error: str | None) -> Delivered:
    """One message counted and told."""
    if outcome.is_gone:
        log.error("switched off", **fields, reason=error)
        return Delivered(postponed=1) if outcome.state is State.PENDING else Delivered(dead=1)
    match outcome.state:
        case State.SENT:
            log.info("sent", **fields)
            return Delivered(sent=1)
        case State.DEAD:
            log.error("refused", **fields, reason=error)
            return Delivered(dead=1)
        case State.EXPIRED:
            log.warning("expired", **fields, reason=error)
            return Delivered(expired=1)
        case _:
            log.warning("postponed", **fields, reason=error, wait_seconds=round(outcome.wait_seconds, 1))
            return Delivered(postponed=1)


def _clock_from(now: datetime) -> Clock:
    """`now`, moving on as this run does: sends take seconds, and a wait counts from when it was asked for."""
    began = monotonic()
    return lambda: now + timedelta(seconds=monotonic() - began)
