"""GitHub's runs of a stretch of time: windows of `created=A..B`, halved where a search ends at its 1,000th result."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from collectors.base import Past
from collectors.fields import Fields
from collectors.window import Span, cut, halves, span_between, told_down_to
from shared.errors import MalformedPayload, Unprocessable
from shared.http.client import Answer
from shared.observation import Page, Unreadable

MOST_RESULTS = 1_000
"""A search with a filter pages no further [GitHub's REST reference, "List workflow runs for a repository"]."""

WIDEST = timedelta(days=30)
"""No window is wider: a busy repository would be halved from its whole past on at each poll."""

Ask = Callable[[Mapping[str, str | int]], Answer]
Follow = Callable[[str], Answer]
Parse = Callable[[object], Page]


class Windows:
    """Walks back through time. The first page of a window says how many it holds, so no request only counts.

    A window with more than GitHub pages through is halved, down to one second; a second that still holds too many is
    read as far as it goes, and the rest is told as unreadable. Completeness rests on the counts and the windows alone;
    that pages come newest first only lets `reached` move within a window.
    """

    def __init__(self, ask: Ask, follow: Follow, parse: Parse, page_size: int, *, most: int = MOST_RESULTS) -> None:
        self._ask = ask
        self._follow = follow
        self._parse = parse
        self._page_size = page_size
        self._most = most

    def between(self, since: datetime, until: datetime) -> Iterator[Past]:
        """Every run created from `since` up to `until`, newest first."""
        rest = span_between(since, until)
        if rest is None:
            yield Past(Page(), since)
        waiting = [] if rest is None else [rest]
        while waiting:
            span, older = cut(waiting.pop(), WIDEST)
            waiting += [older] if older is not None else []
            answer = self._first(span)
            if not span.is_one_second and (answer is None or self._holds_too_many(answer)):
                if answer is not None:
                    yield self._told(answer, span)
                newer, older = halves(span)
                waiting += [older, newer]
                continue
            yield from self._whole(span, answer, last_reached=since if not waiting else span.first)

    def _first(self, span: Span) -> Answer | None:
        """The first page of a window; None when GitHub says that it cannot tell that much."""
        params: dict[str, str | int] = {
            "created": str(span),
            "per_page": self._page_size,
            "exclude_pull_requests": "true",
        }
        try:
            return self._ask(params)
        except Unprocessable:
            return None

    def _whole(self, span: Span, answer: Answer | None, last_reached: datetime) -> Iterator[Past]:
        """All pages of one window that can be told whole, or of one second as far as it goes."""
        cannot = None if answer is not None and not self._holds_too_many(answer) else self._too_many(span)
        asked: set[str] = set()
        while answer is not None:
            following = answer.links.get("next")
            if following is None:
                break
            if following in asked:
                raise MalformedPayload("the link to the next page of a backfill's window leads in a circle")
            asked.add(following)
            yield self._told(answer, span)
            try:
                answer = self._follow(following)
            except Unprocessable:
                answer, cannot = None, self._too_many(span)
        page = Page() if answer is None else self._parse(answer.payload)
        if cannot is not None:
            page = replace(page, unreadable=(*page.unreadable, cannot))
        yield Past(page, last_reached)

    def _told(self, answer: Answer, span: Span) -> Past:
        """A page that is not its window's last: everything is told down to its last row, if it is newest first."""
        page = self._parse(answer.payload)
        reached = told_down_to([build.queued_at for build in page.observations])
        after = span.last + timedelta(seconds=1)
        return Past(page, min(after, reached) if reached is not None else after)

    def _holds_too_many(self, answer: Answer) -> bool:
        """Whether more was found than can be paged through; a count may be inexact ("2,500+"), but never below this."""
        return (Fields(answer.payload).whole("total_count") or 0) > self._most

    def _too_many(self, span: Span) -> Unreadable:
        reason = f"GitHub tells no more than {self._most} runs of {span}; the others cannot be collected"
        return Unreadable(kind="backfill", external_id=f"{span.first:%Y-%m-%dT%H:%M:%SZ}", reason=reason)
