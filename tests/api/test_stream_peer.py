"""One WebSocket on a real TCP connection: bounded, never blocked, gone when its peer is."""

import os
import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent import socket
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from api.peer import INBOUND_BURST, MAX_BACKLOG_BYTES, MAX_INBOUND_BYTES, Gone, Peer, TooSlow, Violation, text_frame


class Client:
    """The other end, speaking through wsproto."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.protocol = Connection(ConnectionType.CLIENT)

    def send(self, event: Event) -> None:
        self.connection.sendall(self.protocol.send(event))

    def receive(self) -> list[Event]:
        self.protocol.receive_data(self.connection.recv(1 << 20))
        return list(self.protocol.events())


@pytest.fixture
def pair() -> Iterator[tuple[Peer, Client]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    with connection, accepted:
        connection.settimeout(10)
        yield Peer(accepted), Client(connection)


def receive_all(peer: Peer, seconds: float = 5) -> list[str]:
    """Everything until the next text message."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        messages = peer.receive(until - time.monotonic())
        if messages:
            return list(messages)
    return []


def receive_repeatedly(peer: Peer, seconds: float) -> None:
    """Until nothing comes any more."""
    while peer.receive(seconds) is not None:
        pass


def write_repeatedly(peer: Peer, frame: bytes, count: int, drain_seconds: float | None = None) -> None:
    for _ in range(count):
        peer.write(frame)
        if drain_seconds is not None:
            peer.drain(drain_seconds)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_frame_is_read_by_any_client_as_it_was_written(size: int) -> None:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(text_frame(b"x" * size))

    parts = [event for event in client.events() if isinstance(event, TextMessage)]

    assert "".join(part.data for part in parts) == "x" * size
    assert parts[-1].message_finished


def test_a_message_in_fragments_is_one_message(pair: tuple[Peer, Client]) -> None:
    peer, client = pair

    client.send(TextMessage(data="to", message_finished=False))
    client.send(TextMessage(data="gether"))

    assert receive_all(peer) == ["together"]


def test_a_ping_is_answered(pair: tuple[Peer, Client]) -> None:
    peer, client = pair

    client.send(Ping(payload=b"there?"))
    peer.receive(5)

    assert next(event for event in client.receive() if isinstance(event, Pong)).payload == b"there?"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (TextMessage(data="x" * (MAX_INBOUND_BYTES + 1)), 1009),
        (TextMessage(data="ü" * MAX_INBOUND_BYTES), 1009),
        (BytesMessage(data=b"{}"), 1003),
    ],
)
def test_what_breaks_the_rules_is_refused(pair: tuple[Peer, Client], event: Event, code: int) -> None:
    peer, client = pair
    client.send(event)

    with pytest.raises(Violation) as raised:
        receive_all(peer)

    assert raised.value.code == code


@pytest.mark.parametrize("make", [lambda: TextMessage(data="{}"), Ping, Pong])
def test_more_frames_than_a_client_has_reason_for_are_refused(pair: tuple[Peer, Client], make: Any) -> None:
    peer, client = pair
    for _ in range(int(INBOUND_BURST) + 3):
        client.send(make())

    with pytest.raises(Violation, match="messages a second"):
        receive_repeatedly(peer, 1)


def test_empty_fragments_count_too(pair: tuple[Peer, Client]) -> None:
    peer, client = pair
    for _ in range(int(INBOUND_BURST) + 3):
        client.send(TextMessage(data="", message_finished=False))

    with pytest.raises(Violation, match="messages a second"):
        receive_repeatedly(peer, 1)


@pytest.mark.parametrize("garbage", [b"\xff\x80abcd", b"\x81\x05hello", b"\x81\x82\x00\x00\x00\x00\xff\xfe"])
def test_bytes_that_are_no_frames_end_the_connection_with_a_protocol_error(
    pair: tuple[Peer, Client], garbage: bytes
) -> None:
    peer, client = pair
    client.connection.sendall(garbage)

    with pytest.raises(Gone):
        peer.receive(5)

    closes = [event for event in client.receive() if isinstance(event, CloseConnection)]
    assert closes[0].code in {1002, 1007}


def test_random_bytes_never_raise_anything_else() -> None:
    for _ in range(50):
        with socket.create_server(("127.0.0.1", 0)) as server:
            connection = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
        with connection, accepted:
            peer = Peer(accepted)
            connection.sendall(os.urandom(500))
            connection.shutdown(socket.SHUT_WR)
            with pytest.raises((Gone, Violation)):
                receive_repeatedly(peer, 2)


def test_a_goodbye_is_answered_and_ends_it(pair: tuple[Peer, Client]) -> None:
    peer, client = pair
    client.send(CloseConnection(code=1000))

    with pytest.raises(Gone):
        peer.receive(5)

    assert [event.code for event in client.receive() if isinstance(event, CloseConnection)] == [1000]
    with pytest.raises(Gone):
        peer.write(text_frame(b"{}"))


def test_writing_to_a_reader_that_stalls_never_blocks_and_keeps_little(pair: tuple[Peer, Client]) -> None:
    peer, _ = pair
    frame = text_frame(b"x" * 10_000)
    with pytest.raises(TooSlow):
        write_repeatedly(peer, frame, 10_000, drain_seconds=0.1)
    begun = time.monotonic()

    with pytest.raises(TooSlow):
        write_repeatedly(peer, frame, MAX_BACKLOG_BYTES // 10_000 + 1)

    assert time.monotonic() - begun < 1
    assert peer.is_behind
    assert peer.backlog_bytes <= MAX_BACKLOG_BYTES


def test_what_was_kept_back_leaves_whole_and_in_order(pair: tuple[Peer, Client]) -> None:
    peer, client = pair
    count = 0
    while not peer.is_behind:
        peer.write(text_frame(b"%06d" % count + b"x" * 10_000))
        count += 1
    drain = gevent.spawn(peer.drain, 10)
    got = ""
    while got.count("x") < count * 10_000:
        got += "".join(event.data for event in client.receive() if isinstance(event, TextMessage))
    drain.get()

    assert got == "".join(f"{number:06d}" + "x" * 10_000 for number in range(count))


def test_aborting_wakes_whoever_waits(pair: tuple[Peer, Client]) -> None:
    peer, _ = pair
    waiting = gevent.spawn(peer.receive, 30)
    gevent.sleep(0)

    peer.abort()

    with pytest.raises(Gone):
        waiting.get(timeout=5)
