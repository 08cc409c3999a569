"""One listening socket on loopback: requests in, answers out, well or badly as their manner says."""

import contextlib
import gzip
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from simulator.exchange import Answer, Manner, Request, text_answer

Respond = Callable[[Request], Answer]

LARGEST_REQUEST = 10_000_000
WORTH_PACKING = 1_000
CLOSING_SECONDS = 5.0
_BODILESS = frozenset({204, 304})


class Listener(ThreadingHTTPServer):
    """A server for one site; every connection has a thread, and closing ends all of them."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, on_failure: Callable[[str], None]) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.stopping = threading.Event()
        self.respond: Respond = _not_ready
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._acceptor = threading.Thread(target=self._accept, name=f"simulator:{self.server_port}", daemon=True)

    @property
    def base(self) -> str:
        """The address of this site, without a slash at its end."""
        return f"http://127.0.0.1:{self.server_port}"

    def start(self, respond: Respond) -> None:
        """Answer with `respond` from now on."""
        self.respond = respond
        self._acceptor.start()

    def close(self) -> None:
        """End the acceptor and every connection, whatever they are at."""
        self.stopping.set()
        if self._acceptor.is_alive():
            # A connection of our own wakes the acceptor on every platform; closing its socket would not.
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.server_port), timeout=1).close()
            self._acceptor.join(CLOSING_SECONDS)
        self.server_close()
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections.values():
            thread.join(CLOSING_SECONDS)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            connection, address = self.get_request()
            if self.stopping.is_set():
                connection.close()
                return
            self._serve(connection, address)

    def _serve(self, connection: socket.socket, address: object) -> None:
        def converse() -> None:
            try:
                self.process_request_thread(connection, address)
            finally:
                with self._lock:
                    self._connections.pop(connection, None)

        thread = threading.Thread(target=converse, daemon=True)
        with self._lock:
            self._connections[connection] = thread
        thread.start()

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """End a connection; one that is to be reset must not say goodbye first."""
        if isinstance(request, socket.socket) and request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER):
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """A client that left is its own matter; anything else is a defect of the simulator, kept and printed."""
        error = sys.exc_info()[1]
        if isinstance(error, ConnectionError | TimeoutError) or self.stopping.is_set():
            return
        self._on_failure(repr(error))
        super().handle_error(request, client_address)


def _not_ready(_request: Request) -> Answer:
    return text_answer(503, "not ready")


class _Connection(BaseHTTPRequestHandler):
    """One connection, kept alive; writes are buffered and Nagle is off, else every answer waits for a delayed ACK."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65_536
    disable_nagle_algorithm = True
    server: Listener

    def handle_any(self) -> None:
        """Read one request, have it answered, send the answer."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_REQUEST or "Transfer-Encoding" in self.headers:
            self._send(text_answer(411, "Send a length, and less than 10 MB."))
            self.close_connection = True
            return
        body = self.rfile.read(length)
        headers = {name.lower(): text for name, text in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        self._send(_packed(self.server.respond(request), request))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the library's names

    def log_message(self, *_args: object) -> None:
        """Requests are kept by the simulator, not printed."""

    def _send(self, answer: Answer) -> None:
        if answer.manner is Manner.SILENT:
            self._wait_for_the_client()
        elif answer.manner is Manner.RESET:
            self._reset()
        else:
            self._send_head(answer)
            self._send_body(answer)

    def _send_head(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, text in answer.headers.items():
            self.send_header(name, text)
        if answer.is_length_hidden:
            self.send_header("Connection", "close")
            self.close_connection = True
        elif answer.status not in _BODILESS:
            self.send_header("Content-Length", str(len(answer.body) + answer.filler))
        self.end_headers()

    def _send_body(self, answer: Answer) -> None:
        if self.command == "HEAD" or answer.status in _BODILESS:
            return
        if answer.manner is Manner.DRIP:
            self._drip(answer)
            return
        is_cut = answer.manner is Manner.CUT
        if answer.filler:
            self._send_filled(answer)
        else:
            self.wfile.write(answer.body[: len(answer.body) // 2] if is_cut else answer.body)
        self.close_connection = self.close_connection or is_cut

    def _send_filled(self, answer: Answer) -> None:
        self.wfile.write(answer.body[:-2])
        piece = b"x" * 65_536
        for start in range(0, answer.filler, len(piece)):
            self.wfile.write(piece[: answer.filler - start])
        self.wfile.write(answer.body[-2:])

    def _drip(self, answer: Answer) -> None:
        self.wfile.flush()
        for start in range(0, len(answer.body), answer.bytes_per_second):
            self.wfile.write(answer.body[start : start + answer.bytes_per_second])
            self.wfile.flush()
            if self.server.stopping.wait(1):
                break
        self.close_connection = True

    def _wait_for_the_client(self) -> None:
        """Say nothing until the client leaves or the simulator ends."""
        self.close_connection = True
        while not self.server.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.1)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return
            if readable:
                time.sleep(0.1)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


def _packed(answer: Answer, request: Request) -> Answer:
    """The answer as gzip where the client takes it and it pays, as GitHub sends it."""
    takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
    if not takes_gzip or len(answer.body) < WORTH_PACKING or "Content-Encoding" in answer.headers:
        return answer
    packed = gzip.compress(answer.body, compresslevel=1, mtime=0)
    headers = answer.headers | {"Content-Encoding": "gzip"}
    return replace(answer, headers=headers, body=packed)
