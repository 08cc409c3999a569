"""A backfill worked on: page after page of a source's past, on what one poll's budget leaves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from collectors.base import BaseCollector, Past, TooManyPages
from collectors.held_source import HeldSource
from collectors.window import GRAIN
from shared import backfills
from shared.backfills import Task
from shared.clock import utc_now
from shared.errors import ProviderError
from shared.events import Via
from shared.leases import Claim
from shared.observation import Observation
from shared.recorder import Recorded

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Collected:
    """What one poll did for a backfill; `is_open` when there is more to do."""

    recorded: Recorded = field(default_factory=Recorded)
    is_open: bool = False


def collect_past(
    engine: Engine, held: HeldSource, source_id: int, collector: BaseCollector[Any], left: Callable[[], int]
) -> Collected:
    """Go on with the source's open backfill until `left` says that this poll has no requests left.

    Each page is committed before the next is asked for, then how far it reaches, both fenced: a kill costs one page,
    and what is recorded twice writes nothing. Raises what the provider raises, once the backfill says it in words.
    """
    with Session(engine) as session:
        task = backfills.find_open(session, source_id)
    if task is None or left() <= 0:
        return Collected(is_open=task is not None)
    try:
        return _go_on(held, task, collector, left)
    except ProviderError as error:
        with held.transaction() as session:
            backfills.explain(session, task.id, str(error))
        raise


def request_unread(
    held: HeldSource, claim: Claim, since: datetime, listed: Iterable[Observation], error: TooManyPages
) -> None:
    """Ask for what an ordinary list that was cut did not tell: from `since` up to the oldest build it showed."""
    shown = [build.queued_at for build in listed] if error.is_newest_first else []
    until = min(shown, default=utc_now()) + GRAIN
    with held.transaction() as session:
        backfills.request(session, claim.source_id, since, until, f"a list was longer than one poll reads: {error}")


def _go_on(held: HeldSource, task: Task, collector: BaseCollector[Any], left: Callable[[], int]) -> Collected:
    recorded, requests_left = Recorded(), left()
    following: Task | None = task
    for past in collector.list_builds_between(task.since, task.reached, task.place):
        recorded += held.record_page(past.page, Via.BACKFILL)
        following = _noted(held, task, past, requests_left - left())
        requests_left = left()
        if following is None or following.is_over:
            break
        # A page that leads no further (its rows share one second) would be read again by every poll: read on.
        has_moved, task = following != task, following
        if has_moved and requests_left <= 0:
            break
    is_open = following is not None and not following.is_over
    log.info("collected the past", backfill=task.id, changed=recorded.changed, is_open=is_open)
    return Collected(recorded, is_open)


def _noted(held: HeldSource, task: Task, past: Past, requests: int) -> Task | None:
    """How far the backfill is now; never less far than it was."""
    reached = max(task.since, min(task.reached, past.reached))
    builds = len({build.external_id for build in past.page.observations})
    with held.transaction() as session:
        return backfills.advance(session, task, reached, past.place, builds=builds, requests=requests)
