"""Every recorded payload read as in earnest: served on loopback, fetched by the real client, read by its collector."""

from collections import Counter
from collections.abc import Mapping

from collectors import COLLECTORS
from collectors.reading import Reading
from shared.errors import ProviderError
from shared.http.client import Client, Limits
from tests.factories import NOON
from tests.loopback import Heard, Loopback, reply
from tests.recorded import Exchange, exchanges

QUICK = Limits(pause_seconds=0.001, read_seconds=2, total_seconds=5)


def readings(provider: str) -> dict[str, Reading]:
    """Every recorded exchange under its recorded path, status and headers, by `folder/name`."""
    recorded = exchanges(provider)

    def answer(heard: Heard) -> bytes:
        exchange = recorded[int(heard.target.split("/")[1])]
        absent = {"Content-Type": ""} if "Content-Type" not in exchange.headers else {}
        return reply(exchange.body, exchange.status, {**absent, **exchange.headers})

    with Loopback(answer) as server, Client(server.url, limits=QUICK, clock=lambda: NOON) as client:
        return {
            f"{found.folder}/{found.name}": _ask(provider, client, f"/{number}", found)
            for number, found in enumerate(recorded)
        }


def counted(found: Mapping[str, Reading]) -> dict[str, Counter[str]]:
    """How many of each kind, by folder: builds, jobs, problems (rows that cannot be read), no builds by reason."""
    counts: dict[str, Counter[str]] = {}
    for name, reading in found.items():
        count = counts.setdefault(name.split("/")[0], Counter())
        count["payloads"] += 1
        count["builds"] += len(reading.builds)
        count["builds with problems"] += sum(bool(build.problems) for build in reading.builds)
        count["jobs"] += len(reading.jobs)
        count["problems"] += len(reading.unreadable)
        if reading.not_a_build is not None:
            count[f"no build: {reading.not_a_build}"] += 1
    return {folder: +count for folder, count in counts.items()}


def _ask(provider: str, client: Client, prefix: str, exchange: Exchange) -> Reading:
    """What the client and the reader make of one answer; an error of the client's is no build, by its name."""
    shape: type = list if exchange.body.lstrip().startswith(b"[") else dict
    try:
        payload = client.get_json(f"{prefix}{exchange.target}", shape=shape).payload
    except ProviderError as error:
        return Reading(not_a_build=f"{exchange.status}: {type(error).__name__}")
    return COLLECTORS[provider].read(payload, exchange.url)
