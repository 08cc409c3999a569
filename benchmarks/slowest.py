"""The slowest of many questions: named, asked again, and held to the same bounds as all together."""

from benchmarks.clients import Answers
from benchmarks.figure import Figure

PROMISED = 10_000_000
"""How many builds there are where p99 and its growth are promised."""

MOST = 4


def promise(builds: int) -> str:
    """What is to be said of a bound that is met or missed on fewer builds than it is promised for."""
    return "" if builds >= PROMISED else f"promised for {PROMISED:,}, not yet shown by this; "


def candidates(few: Answers, many: Answers) -> frozenset[str]:
    """The questions with the highest medians, and those whose median grew most.

    They were picked for being slow, partly by chance, so they are to be asked again before anything is said of them.
    """
    slow = many.medians()
    grown = {name: slow[name] / fast for name, fast in few.medians().items() if name in slow}
    return frozenset(name for found in (slow, grown) for name in sorted(found, key=lambda one: -found[one])[:MOST])


def of_the_slowest(
    each: str, few: Answers, many: Answers, *, sizes: tuple[int, int], bound: float | None
) -> list[Figure]:
    """The highest p99 and the highest growth of a median; nothing where nothing was asked on both."""
    names = few.seconds.keys() & many.seconds.keys()
    if not names:
        return []
    here, there = ({name: of.only(name) for name in names} for of in (many, few))
    p99s = {name: of.p99 for name, of in here.items()}
    growth = {name: here[name].p50 / there[name].p50 for name in names}
    slowest, grown = max(p99s, key=lambda name: p99s[name]), max(growth, key=lambda name: growth[name])
    promised = promise(sizes[1])
    return [
        Figure(
            name=f"slowest {each} at {sizes[1]:,}, p99",
            value=p99s[slowest],
            unit="ms",
            bound=bound,
            compared=f"{promised}{slowest}: p50 {here[slowest].p50:.1f} ms of {here[slowest].count:,}",
        ),
        Figure(
            name=f"slowest {each}, p50 at {sizes[1]:,} ÷ at {sizes[0]:,}",
            value=growth[grown],
            unit="ratio",
            bound=1.5,
            compared=f"{promised}{grown}: {here[grown].p50:.1f} and {there[grown].p50:.1f} ms of {here[grown].count:,}",
        ),
    ]
