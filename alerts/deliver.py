"""Deliveries on their way: claim (commit), send with no transaction open, settle where the fence matches (commit)."""

import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from time import monotonic

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from alerts.deliveries import LEASE, Claim, State, claim, expire_orphans, postpone, settle, was_break_sent
from alerts.message import Kind, parse_message
from alerts.receiver import Receiver
from alerts.verdicts import STALE
from shared.errors import Rejected, RetryLater
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
    """What became of one try: how long this message waits, and how long everything else the receiver has coming."""

    state: State
    error: str | None = None
    wait_seconds: float = 0.0
    rest_seconds: float = 0.0


_NO_NEWS = Outcome(State.EXPIRED, "its failure was not delivered to this receiver")


def deliver_pending(
    engine: Engine,
    receivers: Mapping[str, Receiver],
    now: datetime,
    *,
    lease: timedelta = LEASE,
    stop: Event | None = None,
) -> Delivered:
    """Send what is due, each receiver on a thread of its own, so that none waits for another.

    Begins no send later than 5 s after the call; what is left is for the next one. A receiver that wants something
    later is left alone for the rest of the run. Once `stop` is set nothing more is begun; what is under way is settled.
    """
    clock = _clock_from(now)
    with Session(engine) as session, session.begin():
        orphans = expire_orphans(session, receivers.keys(), now)
    for delivery, receiver, event_pos in orphans:
        log.warning("expired", delivery=delivery, receiver=receiver, event_pos=event_pos, reason="not configured")
    total = Delivered(expired=len(orphans))
    if not receivers:
        return total
    terms = _Terms(clock=clock, lease=lease, stop=stop or Event())
    with ThreadPoolExecutor(min(len(receivers), _MOST_RECEIVERS_AT_ONCE), "deliver") as pool:
        runs = [pool.submit(_deliver_to, engine, name, receiver, terms) for name, receiver in receivers.items()]
    for run in runs:
        total += run.result()
    return total


def back_off(tries: int) -> float:
    """Seconds to wait after so many tries: 5 s doubling to an hour, give or take a fifth."""
    wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(tries - 1, 20))
    return min(LONGEST_WAIT_SECONDS, wait * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load, keeps no secret)


@dataclass(frozen=True, kw_only=True)
class _Terms:
    clock: Clock
    lease: timedelta
    stop: Event


def _deliver_to(engine: Engine, name: str, receiver: Receiver, terms: _Terms) -> Delivered:
    """Send one receiver's due deliveries until none is left, it wants a rest, or the run is long enough."""
    total, ends_at = Delivered(), monotonic() + _LONGEST_RUN_SECONDS
    while monotonic() < ends_at and not terms.stop.is_set():
        now = terms.clock()
        with Session(engine) as session, session.begin():
            claimed = claim(session, name, now, terms.lease)
            is_news = claimed is None or claimed.kind != Kind.FIXED or was_break_sent(session, claimed)
        if claimed is None:
            break
        outcome = _try_once(receiver, claimed, terms.clock()) if is_news else _NO_NEWS
        total += _settle(engine, claimed, outcome, terms.clock())
        if outcome.state is State.PENDING:
            break
    return total


def _try_once(receiver: Receiver, claimed: Claim, now: datetime) -> Outcome:
    """Send one claimed delivery, unless it is too old to be news."""
    try:
        message = parse_message(claimed.message)
    except ValueError as error:
        return Outcome(State.DEAD, f"the stored message cannot be read ({type(error).__name__})")
    if now - min(claimed.created_at, message.finished_at) > STALE:
        return Outcome(State.EXPIRED, f"not taken within {STALE.total_seconds() / 3600:.0f} h of the build's finish")
    try:
        receiver.send(message, is_possible_repeat=claimed.tries > 1)
    except RetryLater as error:
        wait = error.retry_after_seconds
        # A receiver that names no pause gets a short one, so that one message it cannot take does not hold up the rest.
        rest = FIRST_WAIT_SECONDS if wait is None else wait
        return Outcome(State.PENDING, str(error), back_off(claimed.tries) if wait is None else wait, rest)
    except Rejected as error:
        return Outcome(State.DEAD, str(error))
    except Exception as error:  # noqa: BLE001 (the edge of one delivery; only the type is told, the text may hold the address)
        words = f"the receiver failed unexpectedly ({type(error).__name__})"
        return Outcome(State.PENDING, words, back_off(claimed.tries), FIRST_WAIT_SECONDS)
    return Outcome(State.SENT)


def _settle(engine: Engine, claimed: Claim, outcome: Outcome, now: datetime) -> Delivered:
    error = None if outcome.error is None else redact(outcome.error)
    with Session(engine) as session, session.begin():
        next_try_at = now + timedelta(seconds=outcome.wait_seconds)
        is_ours = settle(session, claimed, outcome.state, now, error=error, next_try_at=next_try_at)
        if outcome.rest_seconds > 0:
            postpone(session, claimed.receiver, now + timedelta(seconds=outcome.rest_seconds))
    fields = {"receiver": claimed.receiver, "delivery": claimed.id, "event_pos": claimed.event_pos}
    if not is_ours:
        log.warning("lost", **fields, reason="another worker has claimed this delivery")
        return Delivered(lost=1)
    return _count(outcome, fields | {"tries": claimed.tries}, error)


def _count(outcome: Outcome, fields: dict[str, object], error: str | None) -> Delivered:
    """One delivery counted and told."""
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
