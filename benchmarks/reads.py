"""Reads from a real API process while builds are recorded and figures folded: on few builds and on many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import questions, throughput
from benchmarks.clients import CLIENTS, Answers, Questions, accepted, ask
from benchmarks.datasets import DataSet
from benchmarks.figure import Figure
from benchmarks.questions import Examples, examples
from benchmarks.serving import Address, serving
from benchmarks.slowest import candidates, of_the_slowest, promise
from benchmarks.stage import Stage
from benchmarks.traffic import TRANSITIONS_A_SECOND, Written, traffic

FEW = 10_000

Make = Callable[[Examples, int, int], Questions]


@dataclass(frozen=True, slots=True)
class Group:
    """Questions of one kind: who makes them, how often a client asks each, p99 at most (None: nothing promised)."""

    name: str
    kind: str
    make: Make
    times: int
    bound: float | None
    each: str = ""
    """What one of its questions is called, where the slowest one is to be within the bound as well."""


GROUPS = (
    Group("overview", "overview", questions.figures, 40, 25),
    Group("pipeline metrics", "pipeline", questions.figures, 40, 25),
    Group("metrics by group", "groups", questions.groups, 10, None),
    Group("list, by each filter", "list", questions.lists, 12, 25, each="filter"),
    Group("list, by each pair of filters", "pair", questions.pairs, 2, 25, each="pair"),
    Group("one build", "build", questions.single, 250, 25),
    Group("search", "search", questions.searches, 50, 60),
)

AGAIN = 50
"""How often a client asks what looked slowest once more, so that each has a p99 of its own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What `make` makes, so many times; `only` the questions of these names, if any are given."""

    make: Make
    times: int
    only: frozenset[str] = frozenset()


@dataclass(slots=True)
class Round:
    """One data set read through: the answers, what was recorded meanwhile, the questions that were made in vain."""

    dataset: DataSet
    answers: Answers
    written: Written
    not_asked: list[str]


def run(stage: Stage, builds: int, share: float = 1.0) -> list[Figure]:
    """p99 of each group of reads at `builds`, its p50 beside the p50 at 10,000, and the list's share of a constant.

    `share` of the requests is asked: all, unless somebody only wants to see whether it works.
    """
    # First of all: afterwards the server still cleans up behind what was recorded.
    constant = throughput.run(stage, builds, share)
    everything = [Asked(make, times) for make, times in {group.make: group.times for group in GROUPS}.items()]
    few, many = _round(stage, FEW, everything, share), _round(stage, builds, everything, share)
    suspects = [
        Asked(group.make, AGAIN, candidates(few.answers.group(group.kind), many.answers.group(group.kind)))
        for group in GROUPS
        if group.each
    ]
    few_again, many_again = _round(stage, FEW, suspects, share), _round(stage, builds, suspects, share)
    rounds = [few, many, few_again, many_again]
    return [
        *(figure for group in GROUPS for figure in _of_group(group, few, many)),
        *(figure for group in GROUPS if group.each for figure in _of_slowest(group, few_again, many_again)),
        _recorded(many, many_again),
        _refused(rounds),
        constant,
    ]


def _of_group(group: Group, few: Round, many: Round) -> list[Figure]:
    here, there = many.answers.group(group.kind), few.answers.group(group.kind)
    if not here.count or not there.count:
        return []
    slowest, median = here.slowest()
    promised = "" if group.bound is None else promise(many.dataset.builds)
    return [
        Figure(
            name=f"{group.name} at {many.dataset.builds:,}, p99",
            value=here.p99,
            unit="ms",
            bound=group.bound,
            compared=f"{promised}p50 {here.p50:.1f} ms of {here.count:,}; slowest: {slowest}, p50 {median:.1f} ms",
        ),
        Figure(
            name=f"{group.name}, p50 at {many.dataset.builds:,} ÷ at {few.dataset.builds:,}",
            value=here.p50 / there.p50,
            unit="ratio",
            bound=None if group.bound is None else 1.5,
            compared=f"{promised}there p50 {there.p50:.1f} ms, p99 {there.p99:.1f} ms",
        ),
    ]


def _of_slowest(group: Group, few: Round, many: Round) -> list[Figure]:
    return of_the_slowest(
        group.each,
        few.answers.group(group.kind),
        many.answers.group(group.kind),
        sizes=(few.dataset.builds, many.dataset.builds),
        bound=group.bound,
    )


def _recorded(*rounds: Round) -> Figure:
    slowest = max(one.written.slowest_page_ms for one in rounds)
    return Figure(
        name="recorded meanwhile",
        value=min(one.written.rate for one in rounds),
        unit="transitions/s",
        bound=TRANSITIONS_A_SECOND * 0.97,
        at_least=True,
        compared=f"slowest page {slowest:.0f} ms",
    )


def _refused(rounds: Sequence[Round]) -> Figure:
    """Questions that were made and have no answer in the figures above count as well."""
    wrong = [refused for one in rounds for refused in one.answers.refused]
    not_asked = sorted({name for one in rounds for name in one.not_asked})
    unknown = f"made but not asked: {', '.join(not_asked[:5])}" if not_asked else ""
    return Figure(
        name="answers other than 200",
        value=len(wrong) + len(not_asked),
        unit="answers",
        bound=0,
        compared="; ".join(filter(None, [*wrong[:3], unknown])),
    )


def _round(stage: Stage, builds: int, asked: Sequence[Asked], share: float) -> Round:
    url, dataset = stage.dataset(builds)
    given = examples(url, dataset)
    found = Round(dataset, Answers(), Written(), [])
    with serving(url) as address, traffic(url) as found.written:
        for one in asked:
            _ask(address, given, one, share, found)
    return found


def _ask(address: Address, given: Examples, asked: Asked, share: float, found: Round) -> None:
    """Each question's name once before, which warms up and tells what the API does not know."""
    known = accepted(address.host, address.port, dict(_wanted(asked, asked.make(given, 1, 0))))
    times = max(1, int(asked.times * share))
    made = [_wanted(asked, asked.make(given, times, client + 1)) for client in range(CLIENTS)]
    found.not_asked += sorted({name for one in made for name, _ in one} - known.keys())
    shares = [[(name, path) for name, path in one if name in known] for one in made]
    if all(shares):
        answers = ask(address.host, address.port, shares)
        found.answers.seconds |= answers.seconds
        found.answers.refused += answers.refused


def _wanted(asked: Asked, made: Questions) -> Questions:
    return [(name, path) for name, path in made if not asked.only or name in asked.only]
