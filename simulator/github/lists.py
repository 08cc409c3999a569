"""How GitHub selects and pages runs: the filters, the caps, and the `Link` header with numeric addresses."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from simulator.github.words import RUN_FILTERS, words_for
from simulator.history import Run, state_at

FILTERS = ("actor", "branch", "check_suite_id", "created", "event", "head_sha", "status")
_COUNT_CAPPED = ("actor", "branch", "event", "status", "workflow")


@dataclass(frozen=True, slots=True)
class Caps:
    """Where GitHub stops: results of a filtered list, items of an unfiltered one, and what it counts up to."""

    filtered: int = 1_000
    unfiltered: int = 40_000
    counted: int = 2_500


@dataclass(frozen=True, slots=True)
class Window:
    """One page of a list."""

    number: int
    size: int

    @property
    def span(self) -> slice:
        """The positions on this page."""
        return slice((self.number - 1) * self.size, self.number * self.size)


def read_window(query: Mapping[str, str]) -> Window:
    """`page` and `per_page` as GitHub reads them: nonsense means the default, more than 100 means 100."""
    return Window(max(1, _number(query.get("page"), 1)), min(100, _number(query.get("per_page"), 30)))


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and 0 < int(text) < 2**31 else default


def is_filtered(query: Mapping[str, str]) -> bool:
    """Whether a query asks for less than everything."""
    return any(query.get(name) for name in FILTERS)


def select(runs: Sequence[Run], query: Mapping[str, str], now: datetime) -> list[Run]:
    """The runs a query asks for, in the order given; the filters are combined with "and"."""
    tests = [make(query[name], now) for name, make in _TESTS.items() if query.get(name)]
    return [run for run in runs if all(test(run) for test in tests)]


def reported_total(total: int, query: Mapping[str, str], caps: Caps) -> int:
    """What `total_count` says: some searches stop counting."""
    return min(total, caps.counted) if any(query.get(name) for name in _COUNT_CAPPED) else total


def link_header(address: str, query: Mapping[str, str], window: Window, reachable: int) -> str | None:
    """The `Link` header of a page, or None when everything is on it.

    Args:
        address: The list's own address in numeric form, without a query.
        query: As sent; repeated with another `page`.
        window: The page that is answered.
        reachable: How many results can be paged to.
    """
    last = max(1, -(-reachable // window.size))
    links: list[tuple[int, str]] = []
    if window.number > 1:
        links.append((min(window.number - 1, last), "prev"))
    if window.number < last:
        links += [(window.number + 1, "next"), (last, "last")]
    if window.number > 1:
        links.append((1, "first"))
    pages = ((f"{address}?{urlencode({**query, 'page': page})}", rel) for page, rel in links)
    return ", ".join(f'<{url}>; rel="{rel}"' for url, rel in pages) or None


def _by_status(word: str, now: datetime) -> Callable[[Run], bool]:
    def test(run: Run) -> bool:
        found = state_at(run, now)
        return found is not None and word in RUN_FILTERS and word in words_for(found[1].state)

    return test


def _by_created(text: str, _now: datetime) -> Callable[[Run], bool]:
    least, most = read_span(text)
    return lambda run: least <= run.created_at <= most


def read_span(text: str) -> tuple[datetime, datetime]:
    """The first and last second that a date search means; what cannot be read matches nothing."""
    first = datetime(1, 1, 1, tzinfo=UTC)
    last = datetime(9999, 12, 31, tzinfo=UTC)
    second = timedelta(seconds=1)
    if match := re.fullmatch(r"(.+?)\.\.(.+)", text):
        return (_edge(match[1], first, is_end=False) or last, _edge(match[2], last, is_end=True) or first)
    match = re.fullmatch(r"(>=|<=|>|<|)(.+)", text)
    if match is None or (from_ := _edge(match[2], None, is_end=False)) is None:
        return (last, first)
    to = _edge(match[2], None, is_end=True) or from_
    spans = {
        ">=": (from_, last),
        ">": (to + second, last),
        "<=": (first, to),
        "<": (first, from_ - second),
        "": (from_, to),
    }
    return spans[match[1]]


def _edge(text: str, star: datetime | None, *, is_end: bool) -> datetime | None:
    if text == "*":
        return star
    try:
        instant = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    is_day = len(text) == len("2026-01-31")
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return instant + timedelta(days=1, seconds=-1) if is_day and is_end else instant


_TESTS: dict[str, Callable[[str, datetime], Callable[[Run], bool]]] = {
    "actor": lambda text, _: lambda run: run.actor.login == text,
    "branch": lambda text, _: lambda run: run.branch == text,
    "event": lambda text, _: lambda run: run.event == text,
    "head_sha": lambda text, _: lambda run: run.commit.sha == text,
    "check_suite_id": lambda text, _: lambda run: str(run.id * 2 + 1) == text,
    "workflow": lambda text, _: lambda run: text in {str(run.workflow.id), run.workflow.path.rpartition("/")[2]},
    "status": _by_status,
    "created": _by_created,
}
