"""The stream of one process: reads the event log once, keeps the ring, and hands its growth to every subscriber."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import gevent
import structlog
from gevent.lock import BoundedSemaphore
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.log_page import LogChanged, read_page
from api.peer import Gone, Peer
from api.portion import Portions
from api.ring import Ring
from api.subscriber import LogAccess, Subscriber
from api.subscription import CloseCode
from shared.event_reader import Bounds, bounds
from shared.listener import Listener
from shared.outage import Outage
from shared.reading import reading

POLL_SECONDS = 1.0
PAGE_EVENTS = 500
PRELOADED_EVENTS = 1_000
REPLAYS_AT_ONCE = 2
SOCKETS_BETWEEN_PAUSES = 50
KEY_CHECK_SECONDS = 5.0
DRAIN_SECONDS = 1.5

LiveKeys = Callable[[set[str]], set[str]]
"""Which of these keys may still read, by id."""

log = structlog.get_logger()


class TooManySockets(Exception):
    """No room for another socket now."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sockets one process keeps open, in all and for one address (loopback is not counted)."""

    sockets: int
    sockets_per_address: int


class Hub:
    """Everything the sockets of one process share. `start` it once in the process that serves them."""

    def __init__(self, engine: Engine, listener: Listener, limits: Limits, live_keys: LiveKeys) -> None:
        self._engine = engine
        self._listener = listener
        self._limits = limits
        self._live_keys = live_keys
        self._subscribers: dict[Subscriber, None] = {}
        self._per_address: Counter[str] = Counter()
        self._open = 0
        self._readers = BoundedSemaphore(REPLAYS_AT_ONCE)
        self._access: LogAccess | None = None
        self._bounds: Bounds | None = None
        self._outage = Outage()
        self.is_draining = False

    @property
    def is_ready(self) -> bool:
        """Whether the log was read at least once, so that clients can be greeted."""
        return self._access is not None

    def start(self) -> None:
        """Begin to follow the log and to look after keys."""
        gevent.spawn(self._follow)
        gevent.spawn(self._check_keys)

    def check_room(self, address: str) -> None:
        """Raise TooManySockets if there is no room for a socket from this address."""
        if self.is_draining or not self.is_ready:
            raise TooManySockets("the server is starting or stopping")
        if self._open >= self._limits.sockets:
            raise TooManySockets(f"all {self._limits.sockets} sockets of this server are taken")
        if not _is_loopback(address) and self._per_address[address] >= self._limits.sockets_per_address:
            raise TooManySockets(f"your address already holds {self._limits.sockets_per_address} sockets")

    @contextmanager
    def place_for(self, address: str) -> Iterator[None]:
        """Hold one of the places for sockets; raises TooManySockets."""
        self.check_room(address)
        self._open += 1
        self._per_address[address] += 1
        try:
            yield
        finally:
            self._open -= 1
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]

    def join(self, peer: Peer, *, address: str, key_id: str | None) -> Subscriber:
        """Greet a new client and send it everything from now on."""
        if self._access is None:
            raise Gone
        subscriber = Subscriber(peer, self._access, address=address, key_id=key_id)
        subscriber.greet()
        self._subscribers[subscriber] = None
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """This client's connection is over."""
        self._subscribers.pop(subscriber, None)
        subscriber.leave()

    def bounds_for(self, since: int | None) -> Bounds:
        """The log's bounds; read anew for a client that has seen more than we have (from another process)."""
        if self._bounds is None or (since is not None and since > self._bounds.head):
            with reading(self._engine) as now:
                return bounds(now.session)
        return self._bounds

    def drain(self) -> None:
        """Take no more sockets; close the open ones over DRAIN_SECONDS, so that they do not all return at once."""
        self.is_draining = True
        leaving = list(self._subscribers)
        log.info("draining", sockets=len(leaving))
        for place, subscriber in enumerate(leaving):
            delay = DRAIN_SECONDS * place / len(leaving)
            gevent.spawn_later(delay, subscriber.dismiss, CloseCode.GOING_AWAY, "the server restarts")

    def _follow(self) -> None:
        """Read the log whenever it may have grown, and every POLL_SECONDS anyway."""
        while True:
            try:
                while self._read_on():
                    pass
                self._outage.is_over()
            except SQLAlchemyError as error:
                self._outage.failed("could not read the log", error)
                gevent.sleep(POLL_SECONDS)
            except LogChanged as error:
                log.warning("could not read the log", error=str(error))
                gevent.sleep(POLL_SECONDS)
            except Exception:
                log.exception("could not follow the log")
                gevent.sleep(POLL_SECONDS)
            self._listener.wait(POLL_SECONDS)

    def _read_on(self) -> bool:
        """Read one page of what is new and hand it out; True when there may be more."""
        with reading(self._engine) as now:
            found = bounds(now.session)
            access = self._access
            self._bounds = found
            if access is None or found.epoch != access.epoch or found.head < access.ring.head:
                self._begin(now.session, found)
                return True
            try:
                entries = read_page(now.session, access.ring.head, PAGE_EVENTS)
            except LogChanged:
                self._begin(now.session, found)
                return True
        for entry in entries:
            access.ring.append(entry)
        if entries:
            self._hand_out()
        return len(entries) == PAGE_EVENTS

    def _begin(self, session: Session, found: Bounds) -> None:
        """Start with an empty ring a little before the head; clients of an earlier life of the log must resync."""
        ring = Ring(max(found.tail, found.head - PRELOADED_EVENTS))
        while ring.head < found.head:
            entries = read_page(session, ring.head, PAGE_EVENTS)
            if not entries:
                raise LogChanged
            for entry in entries:
                ring.append(entry)
        self._access = LogAccess(ring, Portions(ring), self._engine, self._readers, found.epoch)
        log.info("following the log", epoch=str(found.epoch), head=ring.head)
        for subscriber in list(self._subscribers):
            subscriber.move(self._access)

    def _hand_out(self) -> None:
        """Give everyone what is new; requests and other sockets get their turn in between."""
        for place, subscriber in enumerate(list(self._subscribers), 1):
            subscriber.advance()
            if place % SOCKETS_BETWEEN_PAUSES == 0:
                gevent.sleep(0)

    def _check_keys(self) -> None:
        """Close the sockets of keys that were revoked or have expired."""
        while True:
            gevent.sleep(KEY_CHECK_SECONDS)
            try:
                self._close_revoked(list(self._subscribers))
            except SQLAlchemyError as error:
                self._outage.failed("could not check keys", error)
            except Exception:
                log.exception("could not check keys")

    def _close_revoked(self, subscribers: Sequence[Subscriber]) -> None:
        used = {subscriber.key_id for subscriber in subscribers if subscriber.key_id is not None}
        revoked = used - self._live_keys(used) if used else set()
        for subscriber in subscribers:
            if subscriber.key_id in revoked:
                gevent.spawn(subscriber.dismiss, CloseCode.POLICY, "the key was revoked or has expired")


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith(("127.", "::ffff:127."))
