"""GitLab's list of changed pipelines, walked by a moving window: ascending by their last change, never deep pages."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collectors.fields import Fields
from collectors.gitlab_status import read_standing
from shared.errors import MalformedPayload
from shared.http.client import Answer

Ask = Callable[[Mapping[str, str | int]], Answer]
Follow = Callable[[str], Answer]

_GRAIN = timedelta(milliseconds=1)
"""What GitLab tells of an instant: the window moves to one grain before the last row, whatever "after" includes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the list; what it does not tell is None. `updated_at` is null in GitLab for what never changed."""

    external_id: str | None
    project_external_id: str | None
    updated_at: datetime | None
    status: str | None
    is_finished: bool

    @property
    def moment(self) -> tuple[datetime | None, str | None]:
        """What changes whenever the pipeline does."""
        return self.updated_at, self.status


class Walk:
    """Everything changed since an instant, a page at a time, each (pipeline, change) once.

    Pipelines that change while we read move to the end of the list, so numbered pages would skip rows: after a full
    page the list is asked for anew from its last change. What has no `rel=next` is the end, whatever totals say.
    After `most` pages, or at a row, it `is_cut`: what was walked stands, and `reached` is where the next walk goes on.
    """

    def __init__(self, ask: Ask, follow: Follow, since: datetime, params: Mapping[str, str | int], most: int) -> None:
        self._ask = ask
        self._follow = follow
        self._since = since
        self._params = params
        self._most = most
        self.reached = since
        self.is_cut = False

    def __iter__(self) -> Iterator[tuple[Row, ...]]:
        seen: set[Row] = set()
        begins = self._since
        answer = self._ask(self._window(begins))
        for _ in range(self._most):
            rows = read_rows(answer.payload)
            self.reached = max([self.reached, *(row.updated_at for row in rows if row.updated_at is not None)])
            yield tuple(row for row in rows if row not in seen)
            seen.update(rows)
            following = answer.links.get("next")
            if following is None:
                return
            if self.reached - _GRAIN > begins:
                begins = self.reached - _GRAIN
                answer = self._ask(self._window(begins))
            else:  # more rows than a page holds changed within one grain
                answer = self._follow(following)
        self.is_cut = True

    def cut_at(self, row: Row) -> None:
        """End the walk behind this row, the last one that was looked at."""
        self.reached = row.updated_at or self._since
        self.is_cut = True

    def _window(self, begins: datetime) -> dict[str, str | int]:
        return {
            "updated_after": f"{begins:%Y-%m-%dT%H:%M:%S.%f}Z",
            "order_by": "updated_at",
            "sort": "asc",
            **self._params,
        }


def read_rows(payload: object) -> tuple[Row, ...]:
    """The rows of a list. What is no list is no empty one: absence of data must never look like zero builds."""
    if not isinstance(payload, list):
        raise MalformedPayload("GitLab's answer holds no list of pipelines; is base_url the server's address?")
    return tuple(read_row(Fields(row)) for row in payload)


def read_row(row: Fields) -> Row:
    """A pipeline as far as it says what it is and how it stands: a row of the list, or the detail."""
    return Row(
        external_id=row.identifier("id"),
        project_external_id=row.identifier("project_id"),
        updated_at=row.instant("updated_at"),
        status=row.text("status"),
        is_finished=read_standing(row).is_finished,
    )
