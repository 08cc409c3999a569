"""How GitLab selects, sorts and pages: the filters, the offset pages, the `Link` and `x-…` headers, missing totals."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from simulator.gitlab.history import Pipeline

TOTALS_UP_TO = 10_000
"""Beyond so many rows GitLab counts no more: no `x-total`, no `x-total-pages`, no `rel=last`."""


class BadParameter(ValueError):
    """A parameter that GitLab answers with 400; the text is its `error`."""


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
    """`page` and `per_page`: nothing or nonsense means the default, more than 100 means 100."""
    return Window(_number(query.get("page"), 1), min(100, _number(query.get("per_page"), 20)))


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and 0 < int(text) < 2**31 else default


def select(pipelines: Iterable[Pipeline], query: Mapping[str, str], now: datetime) -> list[Pipeline]:
    """The pipelines a query asks for, sorted as it asks. Children are left out unless asked for by their source."""
    tests = [_TESTS[name](text, now) for name, text in query.items() if name in _TESTS and text]
    with_children = query.get("source") == "parent_pipeline"
    found = [
        pipeline
        for pipeline in pipelines
        if (with_children or pipeline.source != "parent_pipeline") and all(test(pipeline) for test in tests)
    ]
    order = query.get("order_by", "id")
    if order not in _ORDERS:
        raise BadParameter("order_by does not have a valid value")
    key = _ORDERS[order]
    return sorted(found, key=lambda each: (key(each, now), each.id), reverse=query.get("sort", "desc") != "asc")


def page_headers(
    address: str, query: Mapping[str, str], window: Window, total: int, totals_up_to: int
) -> dict[str, str]:
    """The headers of a page of `total` rows; the links carry the address as it was asked for."""
    last = max(1, -(-total // window.size))
    has_next = window.number < last
    is_counted = total <= totals_up_to
    pages = [(window.number - 1, "prev")] if window.number > 1 else []
    pages += [(window.number + 1, "next")] if has_next else []
    pages += [(1, "first")]
    pages += [(last, "last")] if is_counted else []
    links = (
        f'<{address}?{urlencode({**query, "page": page, "per_page": window.size})}>; rel="{rel}"' for page, rel in pages
    )
    counts = {"X-Total": str(total), "X-Total-Pages": str(last)} if is_counted else {}
    return {
        "Link": ", ".join(links),
        "X-Next-Page": str(window.number + 1) if has_next else "",
        "X-Page": str(window.number),
        "X-Per-Page": str(window.size),
        "X-Prev-Page": str(window.number - 1) if window.number > 1 else "",
        **counts,
    }


def read_instant(name: str, text: str) -> datetime:
    """A date parameter; a bare `+` has become a blank on its way."""
    try:
        instant = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise BadParameter(f"{name} is invalid") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _since(
    name: str, instant_of: Callable[[Pipeline, datetime], datetime], *, is_after: bool
) -> Callable[[str, datetime], Callable[[Pipeline], bool]]:
    def make(text: str, now: datetime) -> Callable[[Pipeline], bool]:
        edge = read_instant(name, text)
        if is_after:
            return lambda pipeline: instant_of(pipeline, now) >= edge
        return lambda pipeline: instant_of(pipeline, now) <= edge

    return make


def _created(pipeline: Pipeline, _now: datetime) -> datetime:
    return pipeline.created_at


def _updated(pipeline: Pipeline, now: datetime) -> datetime:
    return pipeline.phase_at(now).at


_TESTS: dict[str, Callable[[str, datetime], Callable[[Pipeline], bool]]] = {
    "status": lambda text, now: lambda pipeline: pipeline.phase_at(now).word == text,
    "ref": lambda text, _: lambda pipeline: pipeline.ref == text,
    "sha": lambda text, _: lambda pipeline: pipeline.commit.sha == text,
    "source": lambda text, _: lambda pipeline: pipeline.source == text,
    "username": lambda text, _: lambda pipeline: pipeline.user.login == text,
    "yaml_errors": lambda text, _: lambda pipeline: (pipeline.yaml_errors is not None) is (text == "true"),
    "updated_after": _since("updated_after", _updated, is_after=True),
    "updated_before": _since("updated_before", _updated, is_after=False),
    "created_after": _since("created_after", _created, is_after=True),
    "created_before": _since("created_before", _created, is_after=False),
}
_ORDERS: dict[str, Callable[[Pipeline, datetime], object]] = {
    "id": lambda pipeline, _: pipeline.id,
    "status": lambda pipeline, now: pipeline.phase_at(now).word,
    "ref": lambda pipeline, _: pipeline.ref,
    "updated_at": _updated,
    "user_id": lambda pipeline, _: pipeline.user.id,
}


def of_page(rows: Sequence[object], window: Window) -> Sequence[object]:
    """The rows on a page."""
    return rows[window.span]
