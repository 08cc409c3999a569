"""smtplib over sockets that know when the whole conversation must be over; its own timeouts hold for one read each."""

import io
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from smtplib import SMTP, SMTPNotSupportedError, SMTPResponseException
from typing import Any, cast

import httpcore

from shared.http.deadline import DeadlineBackend

_MOST_HEARD = 262_144


class TalkedTooMuch(OSError):
    """The server says more than any mail server has to."""


@contextmanager
def connected(host: str, port: int, tls: ssl.SSLContext | None) -> Iterator[SMTP]:
    """A greeted mail server, encrypted from the first byte where `tls` is given; the caller's deadline holds.

    Raises httpcore's errors, DeadlinePassedError and smtplib's.
    """
    stream = DeadlineBackend().connect_tcp(host, port)
    if tls is not None:
        stream = stream.start_tls(tls, host)
    # A name of our own: the one smtplib would look up takes the resolver as long as it likes.
    name = socket.gethostname()
    server = SMTP(local_hostname=name if "." in name and name.isascii() else "[127.0.0.1]")
    _speak_over(server, stream)
    try:
        code, words = server.getreply()
        if code != 220:
            raise SMTPResponseException(code, words)
        yield server
    finally:
        server.close()


def encrypt(server: SMTP, host: str, tls: ssl.SSLContext) -> None:
    """STARTTLS, with the certificate and the host's name verified.

    Raises SMTPNotSupportedError or SMTPResponseException where the server will not; what follows must then not be said.
    """
    server.ehlo_or_helo_if_needed()
    if not server.has_extn("starttls"):
        raise SMTPNotSupportedError("it does not offer STARTTLS")
    code, words = server.docmd("STARTTLS")
    if code != 220:
        raise SMTPResponseException(code, words)
    wire = cast("_Wire", server.sock)
    _speak_over(server, wire.stream.start_tls(tls, host))
    # What was said in the clear, the extensions too, may be anybody's (RFC 3207, 4.2): the next EHLO tells them anew.
    server.helo_resp = server.ehlo_resp = None
    server.esmtp_features = {}
    server.does_esmtp = False


def _speak_over(server: SMTP, stream: httpcore.NetworkStream) -> None:
    server.sock = cast("socket.socket", _Wire(stream))
    server.file = None


class _Wire:
    """As much of a socket as smtplib uses."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self.stream = stream

    def sendall(self, content: bytes) -> None:
        self.stream.write(content)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Heard(self.stream))

    def close(self) -> None:
        self.stream.close()


class _Heard(io.RawIOBase):
    """What the server says, up to a limit that no honest one meets."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._left = _MOST_HEARD

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            raise TalkedTooMuch("it talks without end")
        content = self._stream.read(len(buffer))
        self._left -= len(content)
        buffer[: len(content)] = content
        return len(content)
