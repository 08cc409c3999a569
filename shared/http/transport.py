"""httpx over our own sockets: every step of a request ends with its deadline."""

import ssl
from collections.abc import Iterator

import httpcore
import httpx

from shared.http.deadline import DeadlineBackend


class Stream(httpx.SyncByteStream):
    """An answer's body as it arrives."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class Transport(httpx.BaseTransport):
    """httpx's own transport, but over sockets that know the deadline."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=8,
            max_keepalive_connections=2,
            keepalive_expiry=15.0,
            network_backend=DeadlineBackend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        asked = httpcore.Request(request.method, target, headers=request.headers.raw, extensions=request.extensions)
        answer = self._pool.handle_request(asked)
        return httpx.Response(answer.status, headers=answer.headers, stream=Stream(answer))

    def close(self) -> None:
        self._pool.close()
