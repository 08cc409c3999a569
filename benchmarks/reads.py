"""Reads from a real API process while builds are recorded and figures folded: on few builds and on many."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import questions
from benchmarks.clients import CLIENTS, Answers, Questions, accepted, ask, body_of
from benchmarks.datasets import DataSet
from benchmarks.figure import Figure
from benchmarks.questions import Examples, examples
from benchmarks.serving import Address, constant, serving
from benchmarks.stage import Stage
from benchmarks.traffic import TRANSITIONS_A_SECOND, Written, traffic

FEW = 10_000

Make = Callable[[Examples, int, int], Questions]

GROUPS: tuple[tuple[str, str, Make, int, float], ...] = (
    ("overview", "overview", questions.figures, 40, 25),
    ("pipeline metrics", "pipeline", questions.figures, 40, 25),
    ("metrics by group", "groups", questions.figures, 40, 25),
    ("list, by each filter", "list", questions.lists, 12, 25),
    ("list, by each pair of filters", "pair", questions.pairs, 2, 25),
    ("one build", "build", questions.single, 250, 25),
    ("search", "search", questions.searches, 50, 60),
)
"""Name, beginning of its questions' names, who makes them, how often each is asked by a client, and p99 at most."""

PLAIN_REQUESTS = 400
WARM_UP = 5


@dataclass(slots=True)
class Round:
    """One data set read through: the answers, what was recorded meanwhile, the questions it did not take."""

    dataset: DataSet
    answers: Answers
    written: Written
    unknown: list[str]


def run(stage: Stage, builds: int, share: float = 1.0) -> list[Figure]:
    """p99 of each group of reads at `builds`, its p50 beside the p50 at 10,000, and the list's share of a constant.

    `share` of the requests is asked: all, unless somebody only wants to see whether it works.
    """
    few, many = _round(stage, FEW, share), _round(stage, builds, share)
    found = [
        figure
        for name, prefix, _, _, bound in GROUPS
        if many.answers.of(prefix) and few.answers.of(prefix)
        for figure in _of_group(few, many, name, prefix, bound)
    ]
    written = Figure(
        name="recorded meanwhile",
        value=many.written.rate,
        unit="transitions/s",
        bound=TRANSITIONS_A_SECOND * 0.97,
        at_least=True,
        compared=f"slowest page {many.written.slowest_page_ms:.0f} ms",
    )
    wrong = [*few.answers.refused, *many.answers.refused]
    unknown = f"; not asked, as one was not answered with 200: {', '.join(many.unknown[:5])}" if many.unknown else ""
    refused = Figure(
        name="answers other than 200",
        value=len(wrong) + len(many.unknown),
        unit="answers",
        bound=0,
        compared="; ".join(wrong[:3]) + unknown,
    )
    return [*found, written, refused, _throughput(stage, builds, share)]


def _of_group(few: Round, many: Round, name: str, prefix: str, bound: float) -> list[Figure]:
    slowest, median = many.answers.slowest(prefix)
    p50 = many.answers.p50(prefix)
    asked = len(many.answers.of(prefix))
    return [
        Figure(
            name=f"{name} at {many.dataset.builds:,}, p99",
            value=many.answers.p99(prefix),
            unit="ms",
            bound=bound,
            compared=f"p50 {p50:.1f} ms of {asked:,}; slowest: {slowest}, p50 {median:.1f} ms",
        ),
        Figure(
            name=f"{name}, p50 ÷ p50 at {few.dataset.builds:,}",
            value=p50 / few.answers.p50(prefix),
            unit="ratio",
            bound=1.5,
            compared=f"there p50 {few.answers.p50(prefix):.1f} ms, p99 {few.answers.p99(prefix):.1f} ms",
        ),
    ]


def _round(stage: Stage, builds: int, share: float) -> Round:
    url, dataset = stage.dataset(builds)
    given = examples(url, dataset)
    not_taken: list[str] = []
    answers = Answers()
    with serving(url) as address, traffic(url) as written:
        for make, times in {make: times for _, _, make, times, _ in GROUPS}.items():
            known, unknown = _known(address, make(given, 1, 0))
            not_taken += unknown
            shares = [
                [(name, path) for name, path in make(given, max(1, int(times * share)), client + 1) if name in known]
                for client in range(CLIENTS)
            ]
            if shares[0]:
                found = ask(address.host, address.port, shares)
                answers.seconds |= found.seconds
                answers.refused += found.refused
    return Round(dataset, answers, written, not_taken)


def _known(address: Address, asked: Questions) -> tuple[set[str], list[str]]:
    """The names of the questions that are answered, which warms up too; and those of the others."""
    by_name = dict(asked)
    known = set(accepted(address.host, address.port, by_name))
    return known, sorted(by_name.keys() - known)


def _throughput(stage: Stage, builds: int, share: float) -> Figure:
    """Nothing else runs meanwhile."""
    url, dataset = stage.dataset(builds)
    given = examples(url, dataset)
    shares = [questions.plain_lists(given, int(PLAIN_REQUESTS * share), client) for client in range(CLIENTS)]
    with serving(url) as address:
        ask(address.host, address.port, [asked[: len(asked) // WARM_UP] for asked in shares])
        ours = ask(address.host, address.port, shares).rate
        body = body_of(address.host, address.port, shares[0][0][1])
    with constant(body) as address:
        ask(address.host, address.port, [asked[: len(asked) // WARM_UP] for asked in shares])
        theirs = ask(address.host, address.port, [[*asked, *asked, *asked] for asked in shares]).rate
    return Figure(
        name="list uncached ÷ a constant body",
        value=ours / theirs,
        unit="ratio",
        bound=0.12,
        at_least=True,
        compared=f"{ours:,.0f}/s and {theirs:,.0f}/s of {len(body):,} bytes, one process each, {CLIENTS} clients",
    )
