"""The lists of one poll: recorded page by page, and what may be taken for known once they are."""

from datetime import datetime, timedelta
from typing import Any

import structlog

from collectors.backfill import request_unread
from collectors.base import OVERLAP, BaseCollector, TooManyPages
from collectors.held_source import HeldSource
from collectors.pace import is_poor
from collectors.progress import Progress
from shared.clock import utc_now
from shared.errors import MalformedPayload, NotFound, Unavailable
from shared.leases import Claim
from shared.observation import Page

log = structlog.get_logger()

FIRST_WINDOW = timedelta(days=1)
"""How far back the first collection of a source reads; more is a backfill's work."""

POOR_FIRST_WINDOW = timedelta(hours=3)
"""The same for a credential whose limit is too small for a day."""

SWEEP_EVERY = 4
"""In so many polls one page of the last 30 days is read again, and lists of what is active even while all changes."""

MOST_UNCHANGED = 200


def describe(collector: BaseCollector[Any], progress: Progress) -> None:
    """Learn the default branch about once a day."""
    cursor = progress.cursor
    collector.default_branch = cursor.get("default_branch")
    if progress.is_old("described_at", utc_now()):
        collector.default_branch = cursor["default_branch"] = collector.fetch_default_branch()
        cursor["described_at"] = utc_now().isoformat()


def list_builds(claim: Claim, collector: BaseCollector[Any], held: HeldSource, progress: Progress) -> None:
    """Record the list page by page; the watermark and its tag move only after all of it is committed."""
    watermark = progress.instant("watermark")
    if watermark is None:
        progress.validators.forget()
    since = _beginning(progress) if watermark is None else watermark - OVERLAP
    reached = [since if watermark is None else watermark]
    pages = 0
    try:
        for page in collector.list_recent_builds(since):
            progress.recorded += held.record_page(page)
            progress.seen |= {build.external_id: build for build in page.observations}
            reached += [page.watermark] if page.watermark else [build.queued_at for build in page.observations]
            if pages == 0:
                _remember_open(progress, page)
            pages += 1
    except TooManyPages as error:
        # Asking the same again next time would end here for ever: go on from here, and say what was not read.
        log.warning("list cut short", since=since.isoformat(), reason=str(error))
        request_unread(held, claim, since, progress.seen.values(), error)
    if pages == 0 and progress.validators.free:
        progress.unchanged = progress.cursor.get("open", [])
    # A provider whose clock is ahead must not pull the watermark past builds still to come.
    progress.cursor["watermark"] = min(max(reached), utc_now()).isoformat()
    progress.cursor["turn"] = progress.cursor.get("turn", 0) + 1
    progress.validators.settle()
    progress.is_listed = True


def _remember_open(progress: Progress, page: Page) -> None:
    """What a list's first page shows as open need not be read by id while that page is "not modified"."""
    still_open = [build.external_id for build in page.observations if not build.is_finished]
    progress.cursor["open"] = still_open[:MOST_UNCHANGED]


def look_for_reruns(collector: BaseCollector[Any], held: HeldSource, progress: Progress) -> None:
    """Look for re-runs of old builds in the lists of what is active; what these lack is left to the sweep.

    While the ordinary list changes, so do these, mostly for the same reason: then only every few polls.
    """
    is_quiet = bool(progress.validators.free) and not progress.seen
    turn = progress.cursor["turn"]
    is_turn = is_quiet or turn == 1 or turn % SWEEP_EVERY == 0
    if not is_turn or is_poor(progress.budget):
        return
    try:
        for page in collector.list_active():
            progress.recorded += held.record_page(page)
            progress.validators.settle()
    except (Unavailable, MalformedPayload, NotFound) as error:
        log.warning("no hints", error=str(error))
        progress.validators.drop()
        held.count(error)


def _beginning(progress: Progress) -> datetime:
    """Where the first collection of a source begins."""
    return utc_now() - (POOR_FIRST_WINDOW if is_poor(progress.budget) else FIRST_WINDOW)
