"""Sockets that know when the whole request must be over, whatever the peer does in between.

httpx's timeouts hold for one read each, so a peer that sends a byte a second keeps a request alive for ever. Here the
deadline sits below httpx: every resolve, connect, handshake, read and write gets at most the time that is left.
"""

import ipaddress
import queue
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any

import httpcore

from shared.http.addresses import allowed

_ends_at: ContextVar[float] = ContextVar("_ends_at", default=float("inf"))


class DeadlinePassedError(Exception):
    """The time for the whole request is used up."""


class NameUnknownError(httpcore.ConnectError):
    """A host's name cannot be resolved: the message says all there is, since nothing was asked of anybody."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Everything sent or received on this thread inside the block, through `DeadlineBackend`, ends within `seconds`."""
    token = _ends_at.set(monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def _left(timeout: float | None) -> float:
    """What is left for one step that by itself may take `timeout` seconds."""
    left = _ends_at.get() - monotonic()
    if left <= 0:
        raise DeadlinePassedError
    return left if timeout is None else min(timeout, left)


@contextmanager
def _cut() -> Iterator[None]:
    """Tell a step that timed out by itself from one that the deadline cut."""
    try:
        yield
    except httpcore.TimeoutException:
        _left(None)
        raise


class DeadlineBackend(httpcore.NetworkBackend):
    """httpcore's blocking sockets, under the deadline of the calling thread."""

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in _addresses(host, port, _left(timeout)):
            try:
                with _cut():
                    stream = self._sockets.connect_tcp(address, port, _left(timeout), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return DeadlineStream(stream)
        raise failure

    def sleep(self, seconds: float) -> None:
        self._sockets.sleep(_left(seconds))


class DeadlineStream(httpcore.NetworkStream):
    """One connection under the deadline of whoever uses it now."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _cut():
            return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _cut():
            self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with _cut():
            return DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def check_name(host: str, seconds: float) -> None:
    """Raises httpcore.ConnectError (NameUnknownError, ForbiddenAddressError) or a timeout when no address is found."""
    with deadline(seconds):
        _addresses(host, 0, seconds)


def _addresses(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of a host that may be connected to, each of them as it will be: nobody resolves the name again."""
    return allowed(host, _resolved(host, port, seconds))


def _resolved(host: str, port: int, seconds: float) -> list[str]:
    """What the name leads to now. The resolver knows no timeout, so it runs on a thread of its own that may be left."""
    try:
        return [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()
    threading.Thread(target=_resolve, args=(host, port, answers), name=f"resolve {host}", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        _left(None)
        raise httpcore.ConnectTimeout(f"the name {host} was not resolved in {seconds:.0f} s") from None
    if isinstance(answer, OSError):
        raise NameUnknownError(f"the name {host} cannot be resolved") from answer
    return answer


def _resolve(host: str, port: int, answers: "queue.SimpleQueue[list[str] | OSError]") -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        answers.put(error)
    except UnicodeError:
        answers.put(socket.gaierror(socket.EAI_NONAME, "not a host name"))
    else:
        answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
