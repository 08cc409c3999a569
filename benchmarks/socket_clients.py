"""Many WebSocket clients on one epoll, in a process of their own: `python -m benchmarks.socket_clients`.

Told by lines of JSON on stdin, answers each with one on stdout: `{"open": [host, port], "count": 9, "filters": []}`
connects and greets, `{"await": 1}` waits until every client has that many messages more. It only cuts frames, counts
messages and answers pings.
"""

import base64
import json
import os
import select
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

LONGEST_WAIT_SECONDS = 90.0
CONNECTING_AT_ONCE = 64
SOURCE_ADDRESSES = 8

TEXT, PING = 0x81, 0x89
MASK = b"\0\0\0\0"
PONG = b"\x8a\x80" + MASK


@dataclass(slots=True)
class Client:
    """One socket: bytes not yet cut into frames, and how many messages came."""

    connection: socket.socket
    wish: bytes = b""
    is_open: bool = False
    rest: bytes = b""
    messages: int = 0

    def take(self, data: bytes) -> None:
        """Cut what came into frames; the handshake's answer comes first."""
        self.rest += data
        if not self.is_open:
            self._open()
        while self.is_open and (size := _frame_size(self.rest)) is not None and size <= len(self.rest):
            self._count(self.rest[0])
            self.rest = self.rest[size:]

    def _count(self, first_byte: int) -> None:
        if first_byte == PING:
            self.connection.sendall(PONG)
        self.messages += first_byte == TEXT

    def _open(self) -> None:
        head, end, rest = self.rest.partition(b"\r\n\r\n")
        if not end:
            return
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"no handshake: {head[:200]!r}")
        self.is_open, self.rest = True, rest
        if self.wish:
            self.connection.sendall(self.wish)


def _frame_size(data: bytes) -> int | None:
    """The length of the (unmasked) frame these bytes begin with, None when that cannot be told yet."""
    if len(data) < 2:
        return None
    short = data[1] & 0x7F
    extra = {126: 2, 127: 8}.get(short, 0)
    if len(data) < 2 + extra:
        return None
    return 2 + extra + (int.from_bytes(data[2 : 2 + extra]) if extra else short)


@dataclass(slots=True)
class Clients:
    """All of them, and how many messages each must have by now."""

    expected: int = 0
    _poll: select.epoll = field(default_factory=select.epoll)
    _by_descriptor: dict[int, Client] = field(default_factory=dict)
    _buffer: bytearray = field(default_factory=lambda: bytearray(65_536))

    def open(self, address: tuple[str, int], count: int, filters: Sequence[dict[str, object]]) -> None:
        """Connect this many clients, CONNECTING_AT_ONCE at a time; with `filters`, they subscribe to them in turn."""
        greetings = 2 if filters else 1
        self.expected += greetings
        for first in range(0, count, CONNECTING_AT_ONCE):
            numbers = range(first, min(first + CONNECTING_AT_ONCE, count))
            self._read({self._connect(address, number, filters) for number in numbers})

    def await_messages(self, count: int) -> None:
        """Read until every client has so many messages more than before."""
        self.expected += count
        self._read({number for number, one in self._by_descriptor.items() if one.messages < self.expected})

    def _read(self, missing: set[int]) -> None:
        until = time.monotonic() + LONGEST_WAIT_SECONDS
        while missing:
            for number, _ in self._poll.poll(max(0.0, until - time.monotonic()), 512):
                client = self._by_descriptor[number]
                size = client.connection.recv_into(self._buffer)
                if not size:
                    raise RuntimeError("the server closed a socket")
                client.take(bytes(memoryview(self._buffer)[:size]))
                if client.messages >= self.expected:
                    missing.discard(number)
            if missing and time.monotonic() > until:
                raise RuntimeError(f"{len(missing)} sockets did not get the event within {LONGEST_WAIT_SECONDS} s")

    def _connect(self, address: tuple[str, int], number: int, filters: Sequence[dict[str, object]]) -> int:
        # Ports of one loopback address run out in a few runs.
        source = (f"127.0.0.{1 + number % SOURCE_ADDRESSES}", 0)
        connection = socket.create_connection(address, timeout=30, source_address=source)
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n".encode()
        )
        wish = _frame({"type": "subscribe", "filter": filters[number % len(filters)]}) if filters else b""
        self._poll.register(connection, select.EPOLLIN)
        self._by_descriptor[connection.fileno()] = Client(connection, wish)
        return connection.fileno()


def _frame(message: dict[str, object]) -> bytes:
    """A client's text frame of at most 125 bytes, masked with zeros."""
    payload = json.dumps(message).encode()
    return bytes((TEXT, 0x80 | len(payload))) + MASK + payload


def main() -> int:
    """Do what each line says, until there is none."""
    clients = Clients()
    for line in sys.stdin:
        order = json.loads(line)
        begun = time.monotonic()
        if "open" in order:
            host, port = order["open"]
            clients.open((host, port), order["count"], order["filters"])
        else:
            clients.await_messages(order["await"])
        ended = time.monotonic()
        print(json.dumps({"seconds": ended - begun, "ended": ended}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
