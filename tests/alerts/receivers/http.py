"""An HTTP server on loopback that takes posts well, or badly on demand; the far side of what speaks plain HTTP."""

import socket
import socketserver
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Self

from tests.alerts.stand import Said


@dataclass(frozen=True)
class Post:
    """One request as it arrived; header names are lower case."""

    target: str
    headers: Mapping[str, str]
    body: bytes


class _Exchange(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        try:
            _, target, _ = self.rfile.readline().decode().split(" ")
            headers = {}
            for line in iter(self.rfile.readline, b"\r\n"):
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            self.heard = Post(target, headers, self.rfile.read(int(headers.get("content-length", "0"))))
            self.server.far_side.answer(self)
        except (OSError, ValueError):
            return  # the client hung up first, as the deadline tests want it to


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    far_side: "HttpFarSide"


class HttpFarSide:
    """Takes every post with 204 unless told otherwise; `posts` are those that were taken, `heard` all of them.

    What is posted to an address that ends in `/stall` meets `habit_of_stalls`, whatever else was told.
    """

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.heard: list[Post] = []
        self.habit_of_stalls: Callable[[_Exchange], object] = self.wait
        self._habits: deque[Callable[[_Exchange], object]] = deque()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Exchange)
        self._server.far_side = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def say(self, *answers: Said) -> None:
        self._habits.extend(partial(_send, said) for said in answers)

    def hang(self) -> None:
        self._habits.append(self.wait)

    def drip(self) -> None:
        self._habits.append(self.trickle)

    def take_and_reset(self) -> None:
        self._habits.append(self._take_and_reset)

    def answer(self, exchange: _Exchange) -> None:
        self.heard.append(exchange.heard)
        if exchange.heard.target.endswith("/stall"):
            self.habit_of_stalls(exchange)
        else:
            (self._habits.popleft() if self._habits else self._take)(exchange)

    def wait(self, _exchange: _Exchange) -> None:
        self._closing.wait(60)

    def trickle(self, exchange: _Exchange) -> None:
        exchange.request.sendall(b"HTTP/1.1 200 OK\r\n")
        while not self._closing.wait(0.05):
            exchange.request.sendall(b"X-Drip: 1\r\n")

    def _take(self, exchange: _Exchange) -> None:
        self.posts.append(exchange.heard)
        _send(Said(204), exchange)

    def _take_and_reset(self, exchange: _Exchange) -> None:
        self.posts.append(exchange.heard)
        # Lingering for no time at all is what turns the close into a reset.
        exchange.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        exchange.request.close()


def _send(said: Said, exchange: _Exchange) -> None:
    body = said.body.encode()
    told = {"Content-Length": str(len(body)), "Connection": "close"} | said.headers
    lines = [f"HTTP/1.1 {said.status} Said", *(f"{name}: {text}" for name, text in told.items()), "", ""]
    exchange.request.sendall("\r\n".join(lines).encode() + body)
