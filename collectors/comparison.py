"""The commits between the last good and the first bad build of a branch, asked for once, after everything else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from collectors.base import BaseCollector, CommitRange
from collectors.held_source import HeldSource
from shared import ranges
from shared.clock import utc_now
from shared.errors import CredentialRefused, MalformedPayload, NotFound, Unauthorized, Unavailable
from shared.ranges import Member, Wanted

log = structlog.get_logger()

LOOKED_BACK = timedelta(days=7)
MOST_A_POLL = 3


def compare_broken(
    engine: Engine, held: HeldSource, source_id: int, collector: BaseCollector[Any], left: Callable[[], int]
) -> None:
    """Ask for the newest ranges in which a branch broke, while `left` says that this poll has requests left.

    One that the provider cannot tell, or not to this credential, is noted with the reason and not asked for again;
    one that it could not tell just now is left for a later poll. Neither slows the source down. Raises what else goes
    wrong.
    """
    if left() < 1:
        return
    with Session(engine) as session:
        wanted = ranges.broken_ranges(session, source_id, utc_now() - LOOKED_BACK, most=MOST_A_POLL)
    for each in wanted:
        if left() < 1:
            return
        try:
            found = _compared(collector, each)
        except Unavailable as error:
            log.warning("could not compare commits", base=each.base_sha, head=each.head_sha, error=str(error))
            held.count(error)
            return
        with held.transaction() as session:
            ranges.record_range(session, each, _members(found), is_complete=found.is_complete, reason=found.reason)
        log.info("compared commits", base=each.base_sha, head=each.head_sha, commits=len(found.commits))


def _compared(collector: BaseCollector[Any], wanted: Wanted) -> CommitRange:
    try:
        told = collector.fetch_commits_between(wanted.base_sha, wanted.head_sha)
        return told or CommitRange(is_complete=False, reason=f"{collector.kind} has no call that compares two commits")
    except NotFound:
        return CommitRange(is_complete=False, reason="the provider no longer knows one of the two commits")
    except CredentialRefused:
        raise
    except (MalformedPayload, Unauthorized) as error:
        return CommitRange(is_complete=False, reason=str(error))


def _members(found: CommitRange) -> tuple[Member, ...]:
    return tuple(
        Member(
            sha=commit.sha,
            parents=commit.parents,
            author=commit.author,
            message=commit.message,
            committed_at=commit.committed_at,
        )
        for commit in found.commits
    )
