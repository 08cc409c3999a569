"""A provider of the simulator's for the contract test: asked without its own server, as if it stood elsewhere."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Self

from shared.secret import SecretSource
from simulator import TOKEN, Simulator
from simulator.exchange import Answer, Request
from simulator.faults import Dialect, Fault, FaultKind
from simulator.ledger import Entry
from tests.collectors.contract.stand import Identity
from tests.factories import NOON
from tests.loopback import Heard


class SimulatedStand:
    """One source of a simulated world at noon; a provider's own stand says which, and what its list has to show."""

    secret = TOKEN
    token = SecretSource(env="TOKEN", environ={"TOKEN": TOKEN})
    since = NOON - timedelta(days=1)

    scope: str
    dialect: Dialect
    own_url: str

    def __init__(self) -> None:
        self.simulator = Simulator(seed=7, profile="varied", now=NOON, speed=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.simulator.close()

    @cached_property
    def truth(self) -> dict[Identity, str]:
        return {_identity(entry): str(entry["status"]) for entry in self.listed()}

    @cached_property
    def build(self) -> str:
        last = {str(entry["external_id"]): entry for entry in self.listed()}.values()
        return next(
            str(entry["external_id"]) for entry in last if entry["status"] == "succeeded" and self.has_jobs(entry)
        )

    def listed(self) -> Iterable[Entry]:
        """The ledger's entries that a list has to show, the attempts of a build in their order."""
        raise NotImplementedError

    def has_jobs(self, _entry: Entry) -> bool:
        return True

    def answer(self, heard: Heard, url: str) -> Answer:
        """What it says at noon, with `url` wherever it says its own."""
        answer = self.dialect.answer(Request(heard.method, heard.target, dict(heard.headers)), NOON)
        headers = {name: text.replace(self.own_url, url) for name, text in answer.headers.items()}
        return replace(answer, headers=headers, body=answer.body.replace(self.own_url.encode(), url.encode()))

    def strange(self, heard: Heard, url: str) -> Answer:
        return self.dialect.spoil(self.answer(heard, url), Fault(kind=FaultKind.UNKNOWN_WORDS))


def is_since(entry: Entry, name: str, since: datetime) -> bool:
    """Whether an instant of an entry is not before another."""
    return datetime.fromisoformat(str(entry[name])) >= since


def _identity(entry: Entry) -> Identity:
    return str(entry["external_id"]), int(str(entry["attempt"]))
