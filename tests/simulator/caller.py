"""A bare HTTP client for tests of the wire: no retries, no redirects, nothing hidden."""

import http.client
import json
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        content = json.loads(self.body)
        assert isinstance(content, dict)
        return content

    @property
    def rows(self) -> list[dict[str, object]]:
        content = self.json
        rows = content.get("workflow_runs", content.get("jobs"))
        assert isinstance(rows, list)
        return rows

    def link(self, rel: str) -> str | None:
        for part in self.headers.get("Link", "").split(", "):
            url, _, name = part.partition("; ")
            if name == f'rel="{rel}"':
                return url.strip("<>")
        return None


class Caller:
    """Speaks to one site, with a token or without."""

    def __init__(self, base: str, token: str | None = None) -> None:
        self.base = base
        self.token = token

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """One request on a connection of its own; `path` may be a whole address of the same site."""
        target = path.removeprefix(self.base)
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        if self.token is not None:
            named = {"Authorization": f"Bearer {self.token}"} | named
        connection = http.client.HTTPConnection(urlsplit(self.base).netloc, timeout=10)
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, target, content, {"User-Agent": "test"} | named)
            response = connection.getresponse()
            return Reply(response.status, dict(response.headers), response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.call("GET", path, **headers)

    def pages(self, path: str) -> list[Reply]:
        """The page and every one that `next` leads to."""
        replies = [self.get(path)]
        while (following := replies[-1].link("next")) is not None:
            replies.append(self.get(following))
        return replies


def send_raw(base: str, text: str, timeout: float = 5.0) -> socket.socket:
    """A connection on which `text` was sent; the caller reads and closes it."""
    place = urlsplit(base)
    connection = socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=timeout)
    connection.sendall(text.encode())
    return connection


def request_text(path: str, *, token: str, close: bool = True) -> str:
    """A plain GET as bytes on the wire."""
    ending = "Connection: close\r\n" if close else ""
    return f"GET {path} HTTP/1.1\r\nHost: test\r\nUser-Agent: test\r\nAuthorization: Bearer {token}\r\n{ending}\r\n"


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side ends the connection."""
    pieces = []
    while piece := connection.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)
