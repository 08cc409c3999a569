"""Stretches of time asked for one after another, halved while a provider cannot tell all of one. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

GRAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Whole seconds from `first` to `last`, both included."""

    first: datetime
    last: datetime

    @property
    def is_one_second(self) -> bool:
        return self.first == self.last

    def __str__(self) -> str:
        """As date searches write it."""
        return f"{self.first:%Y-%m-%dT%H:%M:%SZ}..{self.last:%Y-%m-%dT%H:%M:%SZ}"


def span_between(since: datetime, until: datetime) -> Span | None:
    """The whole seconds that hold what was created from `since` up to but without `until`; None when none do."""
    first = since.replace(microsecond=0)
    last = until.replace(microsecond=0)
    last = last - GRAIN if last == until else last
    return Span(first, last) if first <= last else None


def halves(span: Span) -> tuple[Span, Span]:
    """The newer and the older half, which together hold each second once. Raises ValueError for a single second."""
    if span.is_one_second:
        raise ValueError(f"{span.first} is one second, and that is the grain")
    seconds = int((span.last - span.first) / GRAIN)
    middle = span.first + seconds // 2 * GRAIN
    return Span(middle + GRAIN, span.last), Span(span.first, middle)


def cut(span: Span, widest: timedelta) -> tuple[Span, Span | None]:
    """The newest stretch of a span that is at most so wide, and what remains of it."""
    first = span.last - widest + GRAIN
    if first <= span.first:
        return span, None
    return Span(first, span.last), Span(span.first, first - GRAIN)


def told_down_to(instants: list[datetime]) -> datetime | None:
    """From when on a page has told everything, given its rows' instants in its order; None when it does not say.

    Of the last row's own second more may follow. A page that is not newest first says nothing about what follows.
    """
    if not instants or instants != sorted(instants, reverse=True):
        return None
    return instants[-1].replace(microsecond=0) + GRAIN
