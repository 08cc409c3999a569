"""Slack's far side: the simulator's stand-ins, which read payloads as Slack does, behind a server with bad habits."""

import json
import socket
import socketserver
import struct
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Self

from pydantic import SecretStr

from alerts.receivers.slack import SlackReceiver, SlackSettings
from shared.clock import utc_now
from simulator.exchange import Answer, Request
from simulator.slack import HOOK, Slack
from tests.alerts.stand import Said

BASE_URL = "https://builds.example.com"

LIVE = ("<!", "<@", "<https://evil", "@everyone", "\\u0000", "\\r", "\\u001b")
"""What is more than text in Slack, or in JSON."""

Habit = Callable[["_Exchange"], object]


class _Exchange(socketserver.StreamRequestHandler):
    """One request on its own connection."""

    server: "_Server"

    def handle(self) -> None:
        try:
            method, target, _ = self.rfile.readline().decode().split(" ")
            headers = {}
            for line in iter(self.rfile.readline, b"\r\n"):
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length", "0")))
            self.heard = Request(method, target, headers, body)
            self.server.stand.next_habit()(self)
        except OSError:
            return  # the client hung up first, as the deadline tests want it to

    def send(self, answer: Answer) -> None:
        told = {"Content-Length": str(len(answer.body)), "Connection": "close"} | answer.headers
        lines = [f"HTTP/1.1 {answer.status} Said", *(f"{name}: {text}" for name, text in told.items()), "", ""]
        self.request.sendall("\r\n".join(lines).encode() + answer.body)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    stand: "HttpStand"


class HttpStand:
    """A server on loopback that lets the stand-in answer, unless it was told to do something else."""

    def __init__(self, latency_seconds: float = 0.0) -> None:
        self.slack = Slack()
        self.latency_seconds = latency_seconds
        self.requests: list[Request] = []
        self._habits: deque[Habit] = deque()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Exchange)
        self._server.stand = self
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def say(self, *answers: Said) -> None:
        self._habits.extend(_saying(said) for said in answers)

    def hang(self) -> None:
        self._habits.append(lambda _: self._closing.wait(60))

    def drip(self) -> None:
        self._habits.append(self._drip)

    def take_and_reset(self) -> None:
        self._habits.append(self._take_and_reset)

    def next_habit(self) -> Habit:
        return self._habits.popleft() if self._habits else self._take

    @property
    def taken(self) -> Sequence[str]:
        return [json.dumps(message.payload, ensure_ascii=False) for message in self.slack.messages]

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.slack.messages]

    @property
    def titles(self) -> list[str]:
        return [text.partition("\n")[0] for text in self.texts]

    def _take(self, exchange: _Exchange) -> None:
        self.requests.append(exchange.heard)
        answer = self.slack.answer(exchange.heard, utc_now())
        self._closing.wait(self.latency_seconds)
        exchange.send(answer)

    def _take_and_reset(self, exchange: _Exchange) -> None:
        self.slack.answer(exchange.heard, utc_now())
        # Lingering for no time at all is what turns the close into a reset.
        exchange.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        exchange.request.close()

    def _drip(self, exchange: _Exchange) -> None:
        exchange.request.sendall(b"HTTP/1.1 200 OK\r\n")
        while not self._closing.wait(0.05):
            exchange.request.sendall(b"X-Drip: 1\r\n")


def _saying(said: Said) -> Habit:
    def habit(exchange: _Exchange) -> None:
        exchange.server.stand.requests.append(exchange.heard)
        exchange.send(Answer(said.status, dict(said.headers), said.body.encode()))

    return habit


class SlackStand(HttpStand):
    """A workspace with one webhook."""

    later: Sequence[Said] = (
        Said(429, "rate_limited"),
        Said(500, "rollup_error"),
        Said(502, "<html>Bad Gateway</html>"),
        Said(503),
        Said(408),
        Said(302, headers={"Location": "http://127.0.0.1:1/elsewhere"}),
        Said(200, "<!doctype html><title>Log in to the hotel's network</title>"),
    )
    never: Sequence[Sequence[Said]] = (
        [Said(400, "invalid_payload")] * 2,
        [Said(400, "invalid_blocks"), Said(400, "msg_too_long")],
        [Said(413)] * 2,
    )
    gone: Sequence[Said] = (
        Said(404, "no_service"),
        Said(410, "channel_is_archived"),
        Said(403, "invalid_token"),
        Said(403, "action_prohibited"),
        Said(400, "invalid_token"),
        Said(401),
    )
    pauses: Sequence[Said] = (Said(429, "rate_limited"), Said(503))
    live: Sequence[str] = LIVE

    def __init__(self, latency_seconds: float = 0.0) -> None:
        super().__init__(latency_seconds)
        self.secret = HOOK.rpartition("/")[2]
        self.url = f"{self.base}{HOOK}"

    def receiver(self, deadline_seconds: float | None = None) -> SlackReceiver:
        settings = SlackSettings(kind="slack", name="ops", webhook_url=SecretStr(self.url))
        opened = settings.open(BASE_URL)
        return opened if deadline_seconds is None else SlackReceiver(opened.webhook_url, BASE_URL, deadline_seconds)


STAND = SlackStand
