"""The unfiltered list beside a constant body from the same server: in turns, alike, with nothing else running."""

import time
from statistics import median

import psycopg

from benchmarks import questions
from benchmarks.clients import CLIENTS, Questions, ask, body_of
from benchmarks.figure import Figure
from benchmarks.questions import examples
from benchmarks.serving import Address, constant, serving
from benchmarks.stage import Stage
from shared.database import libpq_url

REQUESTS = 300
WARM_UP = 5
TURNS = 3
LONGEST_WAIT = 120.0

_BUSY = """
    SELECT count(*) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND (backend_type = 'autovacuum worker' OR backend_type = 'client backend')
"""


def run(stage: Stage, builds: int, share: float = 1.0) -> Figure:
    """Requests a second of the one divided by those of the other, the median of three turns."""
    url, dataset = stage.dataset(builds)
    given = examples(url, dataset)
    turns = [_turn(url, _shares(given, share, turn)) for turn in range(TURNS)]
    ratios = [ours / theirs for ours, theirs, _ in turns]
    ours, theirs = (median(turn[side] for turn in turns) for side in (0, 1))
    return Figure(
        name="list uncached ÷ a constant body",
        value=median(ratios),
        unit="ratio",
        bound=0.12,
        at_least=True,
        compared=f"{ours:,.0f}/s and {theirs:,.0f}/s of {turns[0][2]:,} bytes, one process each, {CLIENTS} clients; "
        f"of {TURNS} turns {min(ratios):.3f} to {max(ratios):.3f}",
    )


def _shares(given: questions.Examples, share: float, turn: int) -> list[Questions]:
    times = max(WARM_UP, int(REQUESTS * share))
    return [questions.plain_lists(given, times, turn * CLIENTS + client) for client in range(CLIENTS)]


def _turn(url: str, shares: list[Questions]) -> tuple[float, float, int]:
    """Requests a second of ours and of the constant, and the bytes of its body: an answer of ours."""
    wait_for_quiet(url)
    with serving(url) as address:
        ours = _rate(address, shares)
        body = body_of(address.host, address.port, shares[0][0][1])
    with constant(body) as address:
        theirs = _rate(address, shares)
    return ours, theirs, len(body)


def _rate(address: Address, shares: list[Questions]) -> float:
    ask(address.host, address.port, [asked[: len(asked) // WARM_UP] for asked in shares])
    answers = ask(address.host, address.port, shares)
    if answers.refused:
        raise RuntimeError(f"answers other than 200: {answers.refused[:3]}")
    return answers.rate


def wait_for_quiet(url: str) -> None:
    """Until nobody else is connected to the server and no autovacuum runs; RuntimeError when that never comes."""
    ends = time.monotonic() + LONGEST_WAIT
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        while connection.execute(_BUSY).fetchone() != (0,):
            if time.monotonic() > ends:
                raise RuntimeError("others use the server: the list cannot be measured alone")
            time.sleep(0.2)
