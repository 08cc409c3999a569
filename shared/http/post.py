"""One HTTP POST whose address or headers are a secret: no redirect, no retry, one deadline over all of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore
from pydantic import SecretStr

from shared.errors import RetryLater
from shared.http.deadline import DeadlineBackend, DeadlinePassedError, deadline
from shared.http.trust import trusted

_LARGEST_ANSWER = 262_144  # Slack's Web API repeats the whole message in its answer

_HEADERS: Mapping[str, str] = {
    "Accept-Encoding": "identity",
    "User-Agent": "build-observatory",
    "Connection": "close",
}

_WENT_WRONG = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: lower-case header names, and the beginning of the body, as text and as it came."""

    status: int
    headers: Mapping[str, str]
    body: str
    content: bytes = b""


def post_json(url: SecretStr, body: bytes, seconds: float, headers: Mapping[str, str] | None = None) -> Answer:
    """Post JSON; see `post`."""
    return post(url, body, seconds, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def post(url: SecretStr, body: bytes, seconds: float, headers: Mapping[str, str]) -> Answer:
    """Post and read the answer within `seconds`, name resolution and TLS included; any answer is an answer.

    `headers` come on top of our own and replace those of the same name.
    Raises RetryLater where there was none: the message may have arrived all the same. Only the host is named, and the
    error it came from is dropped, because its request carries the address and the headers.
    """
    host = urlsplit(url.get_secret_value()).hostname or ""
    try:
        with deadline(seconds):
            return _exchange(url.get_secret_value(), body, {**_HEADERS, **headers})
    except DeadlinePassedError:
        raise RetryLater(f"{host} gave no complete answer within {seconds:.1f} s") from None
    except _WENT_WRONG as error:
        raise RetryLater(f"{host} could not be reached or hung up ({type(error).__name__})") from None


def _exchange(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    # A connection of its own: on a kept one a message can vanish with a peer that has just closed.
    with (
        httpcore.ConnectionPool(ssl_context=trusted(), network_backend=DeadlineBackend()) as pool,
        pool.stream("POST", url, headers=list(headers.items()), content=body) as response,
    ):
        start = _beginning(response)
        names = {name.decode("ascii").lower(): value.decode("latin-1") for name, value in response.headers}
        return Answer(response.status, names, start.decode("utf-8", "replace"), start)


def _beginning(response: httpcore.Response) -> bytes:
    """As much of the body as anyone looks at; an endless one is left there."""
    start = b""
    for chunk in response.iter_stream():
        start += chunk
        if len(start) >= _LARGEST_ANSWER:
            break
    return start[:_LARGEST_ANSWER]
