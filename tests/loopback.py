"""A server on loopback that sends exactly the bytes a test wants, as slowly or as wrongly as it wants them."""

import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Heard:
    """One request as it arrived; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


class Loopback:
    """Answers every request with what `answer` yields, then closes the connection; `heard` lists the requests."""

    def __init__(
        self, answer: Callable[[Heard], Iterable[bytes] | bytes], certificate: tuple[Path, Path] | None = None
    ) -> None:
        self.heard: list[Heard] = []
        self.closing = threading.Event()
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                try:
                    lines = [line.decode().strip() for line in iter(self.rfile.readline, b"\r\n") if line]
                    if not lines:
                        return
                    method, target, _ = lines[0].split(" ")
                    headers = {
                        name.lower(): text.strip() for name, _, text in (row.partition(":") for row in lines[1:])
                    }
                    heard = Heard(method, target, headers)
                    owner.heard.append(heard)
                    pieces = answer(heard)
                    for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                        self.request.sendall(piece)
                except OSError:
                    return  # the client hung up, as many of these tests want it to

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            # The handshake belongs to the connection's thread: a client that refuses it must not end the server.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def drip(self, content: bytes, seconds: float) -> Iterable[bytes]:
        """The content a byte at a time."""
        for byte in content:
            yield bytes([byte])
            if self.closing.wait(seconds):
                return


def reply(
    body: bytes | object = b"",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    length: int | None = None,
) -> bytes:
    """A whole HTTP answer; what is not bytes goes as JSON. `length` may lie."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(content) if length is None else length),
    }
    lines = [f"{name}: {text}" for name, text in (told | dict(headers or {})).items() if text]
    return "\r\n".join([f"HTTP/1.1 {status} Said", *lines, "Connection: close", "", ""]).encode() + content
