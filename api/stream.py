"""`/ws`: who may open a socket, and the conversation on it. The protocol is told in docs/stream.md."""

import base64
import binascii
import time
from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from flask import Flask, Response, request
from sqlalchemy.exc import SQLAlchemyError

from api import subscription
from api.auth import needs, principal
from api.hub import Hub, TooManySockets
from api.origins import is_origin_allowed
from api.peer import FAREWELL_SECONDS, Gone, Peer, StreamSocket, TooSlow, Violation, handshake_answer, text_frame
from api.principal import Permission
from api.problems import Problem
from api.services import services
from api.subscriber import Subscriber
from api.subscription import BadMessage, CloseCode

PING_SECONDS = 25.0
RETRY_AFTER_SECONDS = "5"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Takeover:
    """What the view leaves to the server: a connection that stops being HTTP once the request is over.

    Flask's request context and every database session of the request are closed by then; a socket holds none.
    """

    hub: Hub
    connection: StreamSocket
    key: str
    address: str
    key_id: str | None

    def run(self) -> None:
        """Answer the handshake and talk until the connection ends."""
        try:
            with self.hub.place_for(self.address):
                peer = Peer(self.connection)
                peer.write(handshake_answer(self.key))
                subscriber = self.hub.join(peer, address=self.address, key_id=self.key_id)
                try:
                    converse(self.hub, subscriber)
                finally:
                    self.hub.leave(subscriber)
        except (TooManySockets, TooSlow, Gone):
            return

    def __iter__(self) -> Iterator[bytes]:
        """Only our own gunicorn worker knows what to do with this; any other server must not send it as a body."""
        raise RuntimeError("a WebSocket is served by `observatory api` only")


class TakeoverResponse(Response):
    """Carries a Takeover through Flask to the server."""

    def __init__(self, takeover: Takeover) -> None:
        super().__init__(status=101)
        self.takeover = takeover

    def __call__(self, *_: object) -> Takeover:
        return self.takeover


def register(app: Flask, hub: Hub) -> None:
    """Add the route. The gate has checked Host and key by then; here come Origin, handshake and the room left."""

    @needs(Permission.READ)
    def open_socket() -> Response:
        _check_origin()
        key = _check_handshake()
        address = request.remote_addr or ""
        try:
            hub.check_room(address)
        except TooManySockets as error:
            raise Problem(503, f"No socket now: {error}.", headers={"Retry-After": RETRY_AFTER_SECONDS}) from None
        connection = request.environ.get("gunicorn.socket")
        if connection is None:
            raise Problem(501, "This server cannot open WebSockets. Start it with: observatory api")
        reader = principal().key
        return TakeoverResponse(Takeover(hub, connection, key, address, reader.id if reader else None))

    @needs(Permission.READ)
    def explain() -> Response:
        raise Problem(426, "This address speaks WebSocket (see docs/stream.md).", headers={"Upgrade": "websocket"})

    app.add_url_rule("/ws", "stream", open_socket, websocket=True)
    app.add_url_rule("/ws", "stream_explained", explain)


def _check_origin() -> None:
    """A browser always says which page opens a socket; a client that says nothing is none."""
    origin = request.headers.get("Origin")
    server = services().config.server
    if origin is not None and not is_origin_allowed(server, origin, request.host, request.scheme):
        raise Problem(403, "Pages of that origin may not open a socket. Add it to allowed_origins under [server].")


def _check_handshake() -> str:
    """The client's `Sec-WebSocket-Key`; raises Problem if this is no handshake of RFC 6455."""
    version, key = request.headers.get("Sec-WebSocket-Version"), request.headers.get("Sec-WebSocket-Key", "")
    if version != "13":
        raise Problem(426, "Sec-WebSocket-Version must be 13.", headers={"Sec-WebSocket-Version": "13"})
    try:
        is_nonce = len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        is_nonce = False
    if not is_nonce:
        raise Problem(400, "Sec-WebSocket-Key must be 16 bytes in base64.")
    return key


def converse(hub: Hub, subscriber: Subscriber, ping_seconds: float = PING_SECONDS) -> None:
    """Serve one greeted client until it goes; a client silent for two pings is gone."""
    peer = subscriber.peer
    try:
        _listen(hub, subscriber, ping_seconds)
    except BadMessage as error:
        _refuse(peer, CloseCode.BAD_MESSAGE, str(error))
    except Violation as violation:
        _refuse(peer, violation.code, str(violation))
    except SQLAlchemyError as error:
        log.warning("could not subscribe", address=subscriber.address, error=str(error.__cause__ or error).strip())
        _refuse(peer, CloseCode.TRY_AGAIN_LATER, "the database cannot be reached; try again later")


def _listen(hub: Hub, subscriber: Subscriber, ping_seconds: float) -> None:
    peer = subscriber.peer
    next_ping = time.monotonic() + ping_seconds
    is_awaited = False
    while True:
        messages = peer.receive(next_ping - time.monotonic())
        if messages is not None:
            is_awaited = False
        for message in messages or ():
            wish = subscription.parse_subscribe(message)
            subscriber.subscribe(wish, hub.bounds_for(wish.since))
        if time.monotonic() >= next_ping:
            if is_awaited:
                return
            peer.ping()
            is_awaited = True
            next_ping += ping_seconds


def _refuse(peer: Peer, code: int, words: str) -> None:
    """Say what was wrong and close."""
    peer.write(text_frame(subscription.error(words)))
    peer.close(code, words[:100])
    peer.await_end(FAREWELL_SECONDS)
