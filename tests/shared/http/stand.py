"""A client in a hurry, and servers that answer in turn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from shared.http.client import Client, Limits
from tests.factories import NOON
from tests.loopback import Heard, Loopback

QUICK = Limits(connect_seconds=2, read_seconds=2, total_seconds=4, pause_seconds=0.001, largest_body=1_000_000)
TOKEN = SecretStr("ghp_canary0123456789")
CERTIFICATES = Path(__file__).parent / "certificates"


def a_client(server: Loopback, credential: SecretStr | None = TOKEN, limits: Limits = QUICK, **options: Any) -> Client:
    return Client(server.url, credential, limits=limits, clock=lambda: NOON, **options)


def answers(*replies: bytes) -> Callable[[Heard], bytes]:
    """A server's behaviour: these answers in turn, the last one for ever after."""
    waiting = list(replies)
    return lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]
