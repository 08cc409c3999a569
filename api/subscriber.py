"""One client of the stream: where it stands in the log, what passes its filter, and the next bytes for it."""

from dataclasses import dataclass
from uuid import UUID

import gevent
import structlog
from gevent.lock import BoundedSemaphore
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api import subscription
from api.log_page import LogChanged, read_page
from api.peer import FAREWELL_SECONDS, Gone, Peer, TooSlow, text_frame
from api.portion import Place, Portions
from api.ring import Ring
from api.subscription import CloseCode, Filter, Subscribe
from shared.event_reader import Bounds
from shared.reading import reading

SEND_DEADLINE_SECONDS = 10.0
PAGE_EVENTS = 50
RETRY_SECONDS = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LogAccess:
    """What all clients of a process share: the ring and its portions, the database, how many may read it at once."""

    ring: Ring
    portions: Portions
    engine: Engine
    readers: BoundedSemaphore
    epoch: UUID


class Subscriber:
    """Sends one client its events.

    While it keeps up, the hub calls `advance` after every growth of the ring and nothing else runs for it. When it is
    behind (a replay, or a socket that takes no more) a greenlet of its own catches up and then ends.
    """

    __slots__ = ("_access", "_pump", "address", "key_id", "peer", "place")

    def __init__(self, peer: Peer, access: LogAccess, *, address: str = "", key_id: str | None = None) -> None:
        self.peer = peer
        self.address = address
        self.key_id = key_id
        self._access = access
        self._pump: gevent.Greenlet | None = None
        self.place = self._at_head(Filter(), include_backfill=False)

    def greet(self) -> None:
        """Say hello; everything after the head follows."""
        self._say(subscription.hello(self._access.epoch, self._access.ring.head))

    def subscribe(self, wish: Subscribe, bounds: Bounds) -> None:
        """Begin again where the client wishes, or say `resync` and begin at the head."""
        since = self._access.ring.head if wish.since is None else wish.since
        self.place = Place(wish.filter, wish.include_backfill, since, since)
        if wish.epoch is not None and not bounds.holds(wish.epoch, since):
            self.resync()
            return
        self._say(subscription.subscribed(since, wish))
        self.advance()

    def resync(self) -> None:
        """Say that the past is not to be had; go on from the head with the same filter."""
        self.place = self._at_head(self.place.filter, include_backfill=self.place.include_backfill)
        self._say(subscription.resync(self._access.epoch, self._access.ring.head))

    def move(self, access: LogAccess) -> None:
        """The log began another life: everything known about the old one is void."""
        self._access = access
        try:
            self.resync()
        except (TooSlow, Gone):
            self.peer.abort()

    def advance(self) -> None:
        """Send what the ring has for this client, as far as that is possible at once."""
        if self._pump is not None or self.peer.is_closing:
            return
        ring, place = self._access.ring, self.place
        try:
            if not self.peer.is_behind and place.cursor >= ring.floor:
                frames = self._access.portions.take(place)
                if frames:
                    self.peer.write(frames)
        except (TooSlow, Gone):
            self.peer.abort()
            return
        self._follow_up()

    def dismiss(self, code: CloseCode, reason: str, last_words: bytes | None = None) -> None:
        """Close this client's socket, with a last message if it still takes one; takes at most two seconds."""
        try:
            if last_words is not None:
                self.peer.write(text_frame(last_words))
            self.peer.close(code, reason)
            gevent.sleep(FAREWELL_SECONDS)
        except (TooSlow, Gone):
            pass
        self.peer.abort()

    def leave(self) -> None:
        """The connection is over: nothing may write to it any more."""
        if self._pump is not None:
            self._pump.kill(block=False)
        self.peer.abort()

    def _at_head(self, wanted: Filter, *, include_backfill: bool) -> Place:
        head = self._access.ring.head
        return Place(wanted, include_backfill, head, head, is_live=True)

    def _say(self, payload: bytes) -> None:
        self.peer.write(text_frame(payload))
        self._follow_up()

    def _follow_up(self) -> None:
        """Start catching up if there is something left to do."""
        is_behind = self.place.cursor < self._access.ring.head
        self.place.is_live = self.place.is_live or not is_behind
        if self._pump is None and (is_behind or self.peer.is_behind):
            self._pump = gevent.spawn(self._catch_up)

    def _catch_up(self) -> None:
        """Send until the head is reached and everything has left; one page at a time, each with a deadline."""
        try:
            while True:
                self.peer.drain(SEND_DEADLINE_SECONDS)
                if self.place.cursor >= self._access.ring.head:
                    self.place.is_live = True
                    return
                self._send_next()
                gevent.sleep(0)
        except TooSlow:
            log.info("dropped slow socket", address=self.address, pos=self.place.cursor)
            self.dismiss(
                CloseCode.TOO_SLOW, "too slow", subscription.resync(self._access.epoch, self._access.ring.head)
            )
        except Gone:
            self.peer.abort()
        except Exception:
            log.exception("could not send", address=self.address, pos=self.place.cursor)
            self.peer.abort()
        finally:
            self._pump = None

    def _send_next(self) -> None:
        """One chunk from the ring or, where that does not reach, from the database."""
        access, place = self._access, self.place
        if place.cursor >= access.ring.floor:
            frames = access.portions.take(place)
        elif place.is_live:
            raise TooSlow
        else:
            frames = self._replay(place)
        if frames:
            self.peer.write(frames)

    def _replay(self, place: Place) -> bytes:
        """The next frames from the database; none when that is away or the client subscribed anew while we read."""
        access = self._access
        try:
            with access.readers, reading(access.engine) as now:
                entries = read_page(now.session, place.cursor, PAGE_EVENTS)
        except LogChanged:
            if self.place is place:
                self.resync()
            return b""
        except SQLAlchemyError as error:
            log.warning("could not replay", address=self.address, pos=place.cursor, error=str(error))
            gevent.sleep(RETRY_SECONDS)
            return b""
        return place.take(entries) if self.place is place else b""
