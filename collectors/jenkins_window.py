"""The past of a Jenkins source, job by job, as far as Jenkins keeps it: ranges of `allBuilds`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from collectors.base import Past
from collectors.jenkins_tree import Place
from shared.errors import MalformedPayload, NotFound, Unavailable
from shared.observation import Observation, Page, Unreadable

ROWS = 100
"""Each record is loaded from the controller's disk, so never more at once."""

Rows = Callable[[Place, int, int], list[tuple[object, Observation | Unreadable]]]
Fresh = Callable[[Place, list[tuple[object, Observation]]], tuple[Observation, ...]]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a backfill stands: at which build of which job, counted from the newest. Jobs are taken by name."""

    start: int = 0
    job: str = ""

    def __str__(self) -> str:
        return f"{self.start} {self.job}"


def read_mark(text: str | None) -> Mark:
    """A mark as it was stored; from the beginning where there is none."""
    start, _, job = (text or "").partition(" ")
    return Mark(int(start), job) if start.isascii() and start.isdigit() else Mark()


class JobsPast:
    """Every build of some jobs created from `since` up to `until`.

    Jenkins has no list by time: only when the last job is through is anything before `until` told whole. New builds
    push the older ones further down, so that a range shows some again and leaves none out. `rows` reads a range of a
    job's builds, newest first, `fresh` completes those that are not recorded as they stand.
    """

    def __init__(self, rows: Rows, fresh: Fresh, since: datetime, until: datetime) -> None:
        self._rows = rows
        self._fresh = fresh
        self._since = since
        self._until = until

    def of_jobs(self, jobs: Sequence[Place], mark: Mark) -> Iterator[Past]:
        """Job by job from a mark on."""
        waiting = sorted((place for place in jobs if place.full_name >= mark.job), key=lambda place: place.full_name)
        for place, following in zip_longest(waiting, waiting[1:]):
            start = mark.start if place.full_name == mark.job else 0
            yield from self._of_job(place, start, following)
        if not waiting:
            yield Past(Page(), self._since)

    def _of_job(self, place: Place, start: int, following: Place | None) -> Iterator[Past]:
        is_over = False
        while not is_over:
            try:
                page, is_over = self._page(place, start)
            except NotFound:
                page, is_over = Page(), True
            except (Unavailable, MalformedPayload) as error:
                # Some jobs break the page that describes them; that must not hide the others.
                broken = Unreadable(kind="job", external_id=place.full_name, reason=str(error))
                page, is_over = Page(unreadable=(broken,)), True
            start += ROWS
            if not is_over:
                yield Past(page, self._until, str(Mark(start, place.full_name)))
            elif following is not None:
                yield Past(page, self._until, str(Mark(0, following.full_name)))
            else:
                yield Past(page, self._since)

    def _page(self, place: Place, start: int) -> tuple[Page, bool]:
        """One range of a job's builds, and whether nothing of the window lies behind it."""
        found = self._rows(place, start, start + ROWS)
        builds = [(row, build) for row, build in found if isinstance(build, Observation)]
        wanted = [(row, build) for row, build in builds if self._since <= build.queued_at < self._until]
        unreadable = tuple(build for _, build in found if isinstance(build, Unreadable))
        page = Page(observations=self._fresh(place, wanted), unreadable=unreadable)
        return page, len(found) < ROWS or any(build.queued_at < self._since for _, build in builds)
