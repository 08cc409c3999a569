"""What the contract test needs of each provider: answers in its own form, and what they truly say."""

from datetime import datetime
from typing import Any, Protocol, Self

from collectors.base import BaseCollector
from shared.config.settings import ProviderSettings
from shared.http.client import Client
from simulator.exchange import Answer
from tests.loopback import Heard

Identity = tuple[str, int]
"""A build's external id and the attempt's number."""


class Stand(Protocol):
    """One provider with a source of more builds than it tells at once; `contract/<kind>.py` has one, called `STAND`.

    It stands still: the same request has the same answer. Refusals, torn answers and wrong clocks come from the test.
    """

    secret: str
    """The credential that `settings` name; without it, or with another one, nothing is answered well."""

    since: datetime
    """From when builds are asked for; to tell them takes several requests."""

    build: str
    """A finished build with jobs, by its external id."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def settings(self, url: str) -> ProviderSettings:
        """Of an installation at this address; small pages."""

    @property
    def scope(self) -> str:
        """The source."""

    @property
    def truth(self) -> dict[Identity, str]:
        """Every attempt that listing since then has to show, with its status."""

    def answer(self, heard: Heard, url: str) -> Answer:
        """What the provider at this address says to a request."""

    def strange(self, heard: Heard, url: str) -> Answer:
        """The same, with words for the builds' status that nobody has seen."""


def collect(stand: Stand, kind: type[BaseCollector[Any]], url: str, client: Client) -> BaseCollector[Any]:
    """A collector of the stand's source."""
    return kind(stand.settings(url), stand.scope, client)
