"""Settles receipts whose webhook says enough by itself: one short transaction for many, fenced by the receipts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
import tenacity
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from collectors.webhook import Fetch, LookSoon, Moved, Told
from shared import branches, receipt_queue, webhook_sources
from shared.assignment import assign_pipelines
from shared.config.settings import ProjectSettings
from shared.database import limit_waiting
from shared.events import Via
from shared.observation import Observation
from shared.outage import first_line
from shared.receipt_queue import Claim, Settlement, State
from shared.recorder import Recorded, record
from shared.webhook_sources import WebhookSource

log = structlog.get_logger()

Attempt = tuple[str, str, int]
"""The external ids of a pipeline and a build, and the attempt's number."""

_HELD = text("""
    SELECT n.pipeline, n.build, n.attempt, a.merge_key[1:3] AS merge_key, a.is_finished
    FROM unnest(CAST(:pipelines AS text[]), CAST(:builds AS text[]), CAST(:attempts AS int[]))
         AS n (pipeline, build, attempt)
    JOIN pipelines p ON p.instance_id = :instance AND p.external_id = n.pipeline
    JOIN builds b ON b.pipeline_id = p.id AND b.external_id = n.build
    JOIN attempts a ON a.build_id = b.id AND a.number = n.attempt
""")

_OLD_PIPELINES = text("""
    SELECT external_id FROM pipelines
    WHERE instance_id = :instance AND external_id = ANY(:pipelines) AND source_id IS NOT NULL
""")

# The log is locked until this transaction ends, so its last rows are those just appended.
_APPENDED = text("""
    SELECT p.external_id, b.external_id, e.attempt, e.to_status
    FROM events e JOIN builds b ON b.id = e.subject_id JOIN pipelines p ON p.id = b.pipeline_id
    WHERE e.pos > (SELECT max(pos) FROM events) - :count AND e.subject_kind = 'build'
""")


@dataclass(frozen=True, slots=True)
class Known:
    """What an attempt stood at: its merge key and whether it was finished."""

    merge_key: tuple[int, ...]
    is_finished: bool


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed receipt, what its webhook asks, and of which source."""

    claim: Claim
    task: Told | Fetch | LookSoon | Moved
    source: WebhookSource


class Records:
    """Everything the inbox writes about builds, for all its threads."""

    def __init__(self, engine: Engine, projects: Sequence[ProjectSettings]) -> None:
        self._engine = engine
        self._projects = projects

    def settle(self, settlements: Iterable[Settlement]) -> None:
        """Settle receipts about which nothing else is to be written."""
        rows = list(settlements)
        if not rows:
            return
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            receipt_queue.settle(session, rows)

    def record_told(self, works: Sequence[Work]) -> None:
        """Record the builds that webhooks told, many in one transaction, and settle their receipts with it."""
        for group in self._grouped(works):
            self._record(group)

    def record_fetched(self, works: Sequence[Work], builds: Sequence[Observation]) -> None:
        """Record one build that was fetched for several receipts, and settle all of them.

        The transitions count for the last receipt: it was received last, so what was fetched is what it spoke of.
        """
        instance, source = works[0].claim.instance_id, works[0].source
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            ours = _ours(session, works)
            if not ours:
                return
            before = _held(session, instance, builds)
            done = _recorded(session, instance, builds, source, source.id)
            receipt_queue.settle(session, _fetched_settlements(ours, before, done))
        self._assign(done.new_pipelines)

    def move_branch(self, work: Work) -> None:
        """Keep what a push told, and settle its receipt."""
        assert isinstance(work.task, Moved)  # noqa: S101 (its caller sorts by kind)
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            if not _ours(session, [work]):
                return
            change = work.task.change
            has_moved = branches.record(session, work.claim.instance_id, change)
            # `create` repeats what a push tells; a push that moves nothing was overtaken by another.
            is_late = not has_moved and change.head_sha is not None
            receipt_queue.settle(session, [_done(work, None, is_late=is_late)])

    def look_soon(self, works: Sequence[Work]) -> None:
        """Make sources due for builds that we do not hold, and settle the receipts."""
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            ours = _ours(session, works)
            for source, build, attempt, told_at in sorted({_look(work) for work in ours}, key=lambda look: look[:3]):
                webhook_sources.look_soon(session, source, build, attempt, told_at)
            receipt_queue.settle(session, [_done(work, None, is_late=False) for work in ours])

    def _grouped(self, works: Sequence[Work]) -> list[list[Work]]:
        """Works that one transaction may record: of one instance, and of one source where a pipeline is new.

        A pipeline that is known stays with its source whoever tells of it, so only a new one needs the source named.
        """
        old: dict[int, set[str]] = {}
        with Session(self._engine) as session:
            for instance in {work.claim.instance_id for work in works}:
                names = [_told(work).pipeline_external_id for work in works if work.claim.instance_id == instance]
                old[instance] = set(session.scalars(_OLD_PIPELINES, {"instance": instance, "pipelines": names}))
        groups: dict[tuple[int, bool, int | None], list[Work]] = {}
        for work in works:
            instance = work.claim.instance_id
            is_old = _told(work).pipeline_external_id in old[instance]
            key = (instance, work.source.is_backfill, None if is_old else work.source.id)
            groups.setdefault(key, []).append(work)
        return sorted(groups.values(), key=lambda group: group[0].claim.id)

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(OperationalError),
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_random_exponential(0.1, max=1),
        reraise=True,
    )
    def _record(self, works: Sequence[Work]) -> None:
        instance, source = works[0].claim.instance_id, works[0].source
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            ours = _ours(session, works)
            if not ours:
                return
            builds = [_told(work) for work in ours]
            before = _held(session, instance, builds)
            is_one_source = len({work.source.id for work in ours}) == 1
            done = _recorded(session, instance, builds, source, source.id if is_one_source else None)
            appended = _appended(session, done.transitions)
            receipt_queue.settle(session, told_settlements(ours, before, appended))
        self._assign(done.new_pipelines)

    def break_off(self, claims: Sequence[Claim], error: Exception) -> None:
        """Something went wrong that is no outage: it may have been a race, so try again later; parked if it was not."""
        ids = [each.id for each in claims]
        if isinstance(error, SQLAlchemyError):
            reason = f"it could not be stored: {first_line(error)}"
            log.warning("could not store webhooks", receipts=ids, reason=reason)
        else:
            reason = f"processing it broke off ({type(error).__name__}); the scheduler's log says more"
            log.error("processing webhooks broke off", receipts=ids, exc_info=error)
        self.settle([receipt_queue.after_failure(each, reason) for each in claims])

    def _assign(self, new_pipelines: int) -> None:
        if new_pipelines and self._projects:
            with Session(self._engine) as session, session.begin():
                limit_waiting(session)
                assign_pipelines(session, self._projects)


_OF_THE_STATEMENT = ("54", "57014")
"""Conditions that psycopg calls operational though a statement may be their cause: a limit, a time-out."""


def is_outage(error: Exception) -> bool:
    """Whether the database is away or its transactions are in each other's way: no receipt is to blame for that."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError | InterfaceError):
        return isinstance(error, NoConnection)
    sqlstate: str | None = getattr(error.orig, "sqlstate", None)
    return sqlstate is None or not sqlstate.startswith(_OF_THE_STATEMENT)


def told_settlements(
    works: Sequence[Work], before: Mapping[Attempt, Known], appended: Counter[tuple[str, str, int, str]]
) -> list[Settlement]:
    """Which receipt brought which transition, and which came late: something newer was known before it. Pure.

    `works` in the order of their receipts, `before` as the attempts stood, `appended` the transitions by what they are.
    """
    newest = {attempt: known.merge_key for attempt, known in before.items()}
    left = appended.copy()
    settled: list[Settlement] = []
    for work in works:
        build = _told(work)
        attempt, merge_key = _attempt(build), tuple(build.merge_key)
        transition = (*attempt, str(build.status))
        changed = 1 if left[transition] > 0 else 0
        left[transition] -= changed
        is_late = not changed and merge_key < newest.get(attempt, merge_key)
        newest[attempt] = max(merge_key, newest.get(attempt, merge_key))
        settled.append(_done(work, changed, is_late=is_late))
    return settled


def _fetched_settlements(works: Sequence[Work], before: Mapping[Attempt, Known], done: Recorded) -> list[Settlement]:
    was_finished = any(known.is_finished for known in before.values())
    counted = [work for work in works if isinstance(work.task, Fetch) and work.task.is_over is not None]
    last = (counted or works)[-1]
    return [
        _done(
            work,
            done.transitions if work is last else 0 if work in counted else None,
            is_late=was_finished and not done.transitions and work in counted and not _says_over(work),
        )
        for work in works
    ]


def _says_over(work: Work) -> bool:
    return isinstance(work.task, Fetch) and work.task.is_over is True


def _done(work: Work, changed: int | None, *, is_late: bool) -> Settlement:
    return Settlement(
        claim=work.claim,
        state=State.DONE,
        source_id=work.source.id,
        changed=changed,
        is_late=is_late,
        at=work.task.at,
    )


def _look(work: Work) -> tuple[int, str, int, datetime]:
    assert isinstance(work.task, LookSoon)  # noqa: S101 (its caller sorts by kind)
    return work.source.id, work.task.external_id, work.task.attempt, work.claim.received_at


def _told(work: Work) -> Observation:
    assert isinstance(work.task, Told)  # noqa: S101 (its caller sorts by kind)
    return work.task.build


def _ours(session: Session, works: Sequence[Work]) -> list[Work]:
    """Those whose receipt nobody else has taken over; they stay locked until the commit."""
    held = receipt_queue.hold(session, [work.claim for work in works])
    return [work for work in works if work.claim.id in held]


def _recorded(
    session: Session, instance_id: int, builds: Sequence[Observation], source: WebhookSource, source_id: int | None
) -> Recorded:
    return record(
        session,
        builds,
        instance_id=instance_id,
        source_id=source_id,
        is_backfill=source.is_backfill,
        via=Via.WEBHOOK,
    )


def _held(session: Session, instance_id: int, builds: Sequence[Observation]) -> dict[Attempt, Known]:
    attempts = {_attempt(build) for build in builds}
    pipelines, names, numbers = (list(column) for column in zip(*attempts, strict=True)) if attempts else ([], [], [])
    given = {"instance": instance_id, "pipelines": pipelines, "builds": names, "attempts": numbers}
    return {
        (row.pipeline, row.build, row.attempt): Known(tuple(row.merge_key), row.is_finished)
        for row in session.execute(_HELD, given)
    }


def _appended(session: Session, count: int) -> Counter[tuple[str, str, int, str]]:
    return Counter(tuple(row) for row in session.execute(_APPENDED, {"count": count})) if count else Counter()


def _attempt(build: Observation) -> Attempt:
    return build.pipeline_external_id, build.external_id, build.attempt
