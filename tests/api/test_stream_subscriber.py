"""One client in one process: the ring overtaking it, silence, and what its goodbye costs."""

import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import gevent
import pytest
from gevent import socket
from gevent.lock import BoundedSemaphore
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, TextMessage

from api.hub import Hub, Limits, TooManySockets
from api.peer import Gone, Peer, text_frame
from api.portion import Portions
from api.ring import Ring
from api.stream import converse
from api.subscriber import LogAccess, Subscriber
from api.subscription import CloseCode
from shared.database import make_engine
from shared.listener import Listener
from tests.api.test_stream_ring import a_row, an_event, entries

NOWHERE = "postgresql:///none?host=/nonexistent"


@pytest.fixture
def ring() -> Ring:
    return Ring(head=0, max_events=20)


@pytest.fixture
def connection() -> Iterator[Any]:
    """The client's end; the server's end is at `.server`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(server.getsockname())
        accepted, _ = server.accept()
    with connection, accepted:
        connection.settimeout(10)
        yield connection, Peer(accepted)


@pytest.fixture
def hub() -> Iterator[Hub]:
    engine = make_engine(NOWHERE, application="test")
    yield Hub(engine, Listener(NOWHERE, application="test"), Limits(2, 1), lambda keys: keys)
    engine.dispose()


def a_subscriber(ring: Ring, peer: Peer) -> Subscriber:
    engine = make_engine(NOWHERE, application="test")
    return Subscriber(peer, LogAccess(ring, Portions(ring), engine, BoundedSemaphore(1), uuid4()))


def read_to_the_end(connection: Any) -> list[Any]:
    protocol = Connection(ConnectionType.CLIENT)
    found: list[Any] = []
    while data := connection.recv(1 << 20):
        protocol.receive_data(data)
        found += protocol.events()
    return found


def grow(ring: Ring, count: int) -> None:
    for pos in range(ring.head + 1, ring.head + 1 + count):
        ring.append(entries(an_event(pos, build_id=pos), rows=(a_row(pos, commit_message="x" * 5000),))[0])


def test_a_client_the_ring_has_overtaken_is_told_to_resync_and_closed(ring: Ring, connection: Any) -> None:
    client, peer = connection
    subscriber = a_subscriber(ring, peer)
    while not peer.is_behind:
        grow(ring, 1)
        subscriber.advance()
    grow(ring, 100)
    subscriber.advance()

    events = read_to_the_end(client)

    texts = "".join(event.data for event in events if isinstance(event, TextMessage))
    closes = [event.code for event in events if isinstance(event, CloseConnection)]
    last = json.loads(texts[texts.rindex('{"type":"resync"') :])
    assert (last["type"], last["head"]) == ("resync", ring.head)
    assert closes == [CloseCode.TOO_SLOW]
    subscriber.leave()


def test_a_client_silent_for_two_pings_is_gone(ring: Ring, connection: Any, hub: Hub) -> None:
    client, peer = connection
    subscriber = a_subscriber(ring, peer)
    begun = time.monotonic()

    converse(hub, subscriber, ping_seconds=0.2)

    assert 0.4 <= time.monotonic() - begun < 2
    assert client.recv(10) == Connection(ConnectionType.SERVER).send(Ping())


def test_a_client_that_answers_pings_stays(ring: Ring, connection: Any, hub: Hub) -> None:
    client, peer = connection
    subscriber = a_subscriber(ring, peer)
    protocol = Connection(ConnectionType.CLIENT)
    talking = gevent.spawn(converse, hub, subscriber, 0.3)

    for _ in range(4):
        protocol.receive_data(client.recv(100))
        for event in protocol.events():
            assert isinstance(event, Ping)
            client.sendall(protocol.send(event.response()))

    assert not talking.ready()
    peer.abort()
    with pytest.raises(Gone):
        talking.get(timeout=5)


def test_a_database_that_is_away_is_said_in_words(ring: Ring, connection: Any, hub: Hub) -> None:
    client, peer = connection
    wish = Connection(ConnectionType.CLIENT).send(TextMessage(data='{"type": "subscribe"}'))
    client.sendall(wish)
    talking = gevent.spawn(converse, hub, a_subscriber(ring, peer))

    events = read_to_the_end(client)

    assert "try again later" in "".join(event.data for event in events if isinstance(event, TextMessage))
    assert [event.code for event in events if isinstance(event, CloseConnection)] == [CloseCode.TRY_AGAIN_LATER]
    talking.kill()


def test_nothing_follows_a_goodbye(ring: Ring, connection: Any) -> None:
    client, peer = connection
    subscriber = a_subscriber(ring, peer)

    peer.close(CloseCode.GOING_AWAY, "the server restarts")
    grow(ring, 3)
    subscriber.advance()

    with pytest.raises(Gone):
        peer.write(text_frame(b"{}"))
    assert [type(event) for event in read_to_the_end(client)] == [CloseConnection]


def test_before_the_log_was_read_nobody_is_let_in(hub: Hub) -> None:
    with pytest.raises(TooManySockets, match="starting"), hub.place_for("127.0.0.1"):
        pass
