"""One WebSocket on its TCP connection: writing never blocks, waiting always has a deadline, memory is bounded.

wsproto reads the frames. Compression is not accepted: a compressor per client weighs more than all the rest of it.
"""

import errno
import socket
import time
from collections.abc import Sequence
from typing import Protocol

from gevent.socket import wait_read, wait_write
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import generate_accept_token

from api.subscription import CloseCode

MAX_INBOUND_BYTES = 4 * 1024
MAX_BACKLOG_BYTES = 64 * 1024
SEND_BUFFER_BYTES = 64 * 1024
FAREWELL_SECONDS = 1.0

PING = b"\x89\x00"

INBOUND_PER_SECOND = 5.0
INBOUND_BURST = 5.0


class TooSlow(Exception):
    """The peer does not take what is sent to it."""


class Gone(Exception):
    """The connection is over."""


class Violation(Exception):
    """The peer broke the rules; the socket is to be closed with this code and these words."""

    def __init__(self, code: int, words: str) -> None:
        self.code = code
        super().__init__(words)


class StreamSocket(Protocol):
    """The part of a (gevent) socket used here."""

    def settimeout(self, value: float | None) -> None: ...
    def setsockopt(self, level: int, option: int, value: int) -> None: ...
    def fileno(self) -> int: ...
    def send(self, data: bytes) -> int: ...
    def recv(self, size: int) -> bytes: ...
    def shutdown(self, how: int) -> None: ...


def handshake_answer(key: str) -> bytes:
    """The 101 response to a client's `Sec-WebSocket-Key`."""
    token = generate_accept_token(key.encode())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + token
        + b"\r\n\r\n"
    )


def text_frame(payload: bytes) -> bytes:
    """A server's text frame (RFC 6455 §5.2): unmasked, so the same bytes serve every client."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2) + payload
    return b"\x81\x7f" + size.to_bytes(8) + payload


class Allowance:
    """A token bucket: INBOUND_PER_SECOND frames, INBOUND_BURST at once."""

    __slots__ = ("_left", "_seen")

    def __init__(self, now: float) -> None:
        self._left = INBOUND_BURST
        self._seen = now

    def take(self, now: float) -> bool:
        """Whether one more frame is allowed at this moment (monotonic seconds)."""
        self._left = min(INBOUND_BURST, self._left + (now - self._seen) * INBOUND_PER_SECOND)
        self._seen = now
        self._left -= 1
        return self._left >= 0


class Peer:
    """The server's end of one WebSocket.

    What the kernel does not take at once waits in a backlog of at most MAX_BACKLOG_BYTES; whoever sees `is_behind`
    must call `drain` from a greenlet of its own before it writes more events.
    """

    __slots__ = ("_allowance", "_backlog", "_message", "_protocol", "_socket", "is_closing")

    def __init__(self, connection: StreamSocket) -> None:
        connection.settimeout(0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._protocol = Connection(ConnectionType.SERVER)
        self._allowance = Allowance(time.monotonic())
        self._backlog = b""
        self._message = ""
        self.is_closing = False

    @property
    def backlog_bytes(self) -> int:
        """How much of what was written has not left yet."""
        return len(self._backlog)

    @property
    def is_behind(self) -> bool:
        """Whether something written before has not left yet."""
        return bool(self._backlog)

    def write(self, data: bytes) -> None:
        """Send whole frames as far as possible now and keep the rest; raises TooSlow or Gone."""
        if self.is_closing:
            raise Gone
        self._write(data)

    def drain(self, seconds: float) -> None:
        """Wait until everything written has left; raises TooSlow when it takes longer, or Gone."""
        until = time.monotonic() + seconds
        while self._backlog:
            sent = self._try_send(self._backlog)
            self._backlog = self._backlog[sent:]
            if self._backlog and not self._wait(wait_write, until - time.monotonic()):
                raise TooSlow

    def receive(self, seconds: float) -> Sequence[str] | None:
        """The text messages that arrive next, None when nothing at all came in this time; raises Gone or Violation."""
        if not self._wait(wait_read, seconds):
            return None
        data = self._try_receive()
        if data is None:
            return ()
        self._protocol.receive_data(data)
        messages = [self._take(event) for event in self._protocol.events()]
        return [message for message in messages if message is not None]

    def ping(self) -> None:
        """Ask for a sign of life."""
        self.write(PING)

    def close(self, code: int, reason: str) -> None:
        """Say goodbye and end our half of the connection; what is still unsent gets a last moment to leave."""
        if self.is_closing:
            return
        self.is_closing = True
        try:
            self._write(self._protocol.send(CloseConnection(code, reason)))
            self.drain(FAREWELL_SECONDS)
            self._socket.shutdown(socket.SHUT_WR)
        except (TooSlow, Gone, OSError):
            self.abort()

    def await_end(self, seconds: float) -> None:
        """After `close`: read and forget until the peer has closed too, or the time is over."""
        until = time.monotonic() + seconds
        try:
            while self._wait(wait_read, until - time.monotonic()):
                self._try_receive()
        except Gone:
            pass

    def abort(self) -> None:
        """End the connection at once; whoever waits for it wakes up."""
        self.is_closing = True
        self._backlog = b""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.EBADF):
                raise

    def _write(self, data: bytes) -> None:
        if self._backlog:
            if len(self._backlog) + len(data) > MAX_BACKLOG_BYTES:
                raise TooSlow
            self._backlog += data
            return
        sent = self._try_send(data)
        if sent < len(data):
            self._backlog = data[sent:]

    def _try_send(self, data: bytes) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise Gone from error

    def _try_receive(self) -> bytes | None:
        try:
            data = self._socket.recv(MAX_INBOUND_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        return data

    def _wait(self, wait: "Wait", seconds: float) -> bool:
        """Whether the connection became ready in this time."""
        try:
            wait(self._socket.fileno(), timeout=max(0.0, seconds))
        except TimeoutError:
            return False
        except OSError as error:
            raise Gone from error
        return True

    def _take(self, event: Event) -> str | None:
        """Handle one event of the protocol; returns a text message that is complete."""
        if isinstance(event, CloseConnection):
            self._answer_close(event)
        if getattr(event, "frame_finished", True) and not self._allowance.take(time.monotonic()):
            words = f"more than {INBOUND_PER_SECOND:.0f} messages a second; there is nothing to say that often"
            raise Violation(CloseCode.POLICY, words)
        if isinstance(event, Ping):
            self.write(self._protocol.send(event.response()))
        elif isinstance(event, BytesMessage):
            raise Violation(CloseCode.NOT_TEXT, "messages are JSON in text frames, not binary ones")
        elif isinstance(event, TextMessage):
            return self._assemble(event)
        return None

    def _assemble(self, part: TextMessage) -> str | None:
        self._message += part.data
        if len(self._message.encode()) > MAX_INBOUND_BYTES:
            raise Violation(CloseCode.TOO_BIG, f"a message has at most {MAX_INBOUND_BYTES} bytes")
        if not part.message_finished:
            return None
        message, self._message = self._message, ""
        return message

    def _answer_close(self, event: CloseConnection) -> None:
        """The peer said goodbye, or wsproto could not read what it said: answer in kind, and that was it."""
        if not self.is_closing:
            self.close(event.code, event.reason or "")
        raise Gone


class Wait(Protocol):
    """`gevent.socket.wait_read` and `wait_write`."""

    def __call__(self, fileno: int, *, timeout: float) -> None: ...
