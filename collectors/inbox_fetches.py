"""Fetches the builds that webhooks only name, each once for all receipts that wait for it; on threads of its own."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from collectors.base import BaseCollector
from collectors.credential_name import credential_name
from collectors.held_builds import held_builds
from collectors.held_source import REFUSED_SECONDS
from collectors.inbox_records import Records, Work, is_outage
from collectors.webhook import Fetch
from shared import collector_errors, credentials, receipt_queue
from shared.clock import utc_now
from shared.collector_errors import ErrorKind
from shared.config.settings import ProviderSettings
from shared.database import limit_waiting
from shared.errors import (
    CredentialRefused,
    LeaseLost,
    MalformedPayload,
    NotFound,
    ObservatoryError,
    ProviderError,
    RateLimited,
    Unavailable,
)
from shared.http.client import Limits
from shared.http.rate_limit import Budget
from shared.observation import Observation
from shared.outage import first_line
from shared.receipt_queue import Claim, Settlement
from shared.secret import SecretUnavailable

log = structlog.get_logger()

WORKERS = 4
"""Threads of one instance: a provider that hangs holds up its own webhooks and no others."""

KEEP_SECONDS = receipt_queue.LEASE_SECONDS / 3

MOST_WAITING = 50
"""Builds of one instance that may wait for their turn; while so many do, none of its receipts are claimed."""

LIMITS = Limits(total_seconds=15.0, tries=2, all_tries_seconds=30.0)
"""Shorter than a poll's: a receipt that fails is tried again, and the poll comes anyway."""

NOT_THERE_TRIES = 1
"""A build may not be there yet: the provider told of it before all of its servers knew. It is asked for once more."""

Key = tuple[str, str]
"""An instance's name and the external id of a build."""


class NotStill(Unavailable):
    """The build changed while it was read: it is read again later, and nobody is at fault."""


class Stopping(ObservatoryError):
    """This process is ending: nothing more is asked, and the receipts are given back."""


class Fetches:
    """The builds being fetched, for one inbox. What arrives for a build that is being fetched waits for the next."""

    def __init__(
        self,
        engine: Engine,
        providers: Mapping[str, ProviderSettings],
        collectors: Mapping[str, type[BaseCollector[Any]]],
        records: Records,
    ) -> None:
        self._engine = engine
        self._providers = providers
        self._collectors = collectors
        self._records = records
        self._stop = threading.Event()
        self._pools = {name: ThreadPoolExecutor(WORKERS, thread_name_prefix=f"inbox {name}") for name in providers}
        self._lock = threading.Lock()
        self._waiting: dict[Key, list[Work]] = {}
        self._running: set[Key] = set()
        self._kept_at = 0.0

    def submit(self, works: Sequence[Work]) -> None:
        """Have the builds of these receipts fetched, soon."""
        for work in works:
            key = (work.claim.instance, _asked(work).external_id)
            with self._lock:
                is_new = key not in self._waiting and key not in self._running
                self._waiting.setdefault(key, []).append(work)
            if is_new:
                self._start(key)

    def backed_up(self) -> frozenset[str]:
        """The instances whose builds wait in too great a number."""
        with self._lock:
            names = [instance for instance, _ in self._waiting]
        return frozenset(name for name in names if names.count(name) >= MOST_WAITING)

    def keep(self) -> None:
        """Renew now and then the leases of what waits for its turn, which may take minutes."""
        with self._lock:
            claims = [work.claim for works in self._waiting.values() for work in works]
        if not claims or time.monotonic() - self._kept_at < KEEP_SECONDS:
            return
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            receipt_queue.hold(session, claims)
        self._kept_at = time.monotonic()

    def stop(self) -> None:
        """Ask for nothing more; what is being asked ends by itself, and writes nothing."""
        with self._lock:
            self._stop.set()
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, key: Key) -> None:
        with self._lock:
            if not self._stop.is_set():
                self._pools[key[0]].submit(self._run, key)

    def _run(self, key: Key) -> None:
        with self._lock:
            works = self._waiting.pop(key)
            self._running.add(key)
        try:
            self._answer(works)
        finally:
            with self._lock:
                self._running.discard(key)
                is_asked_again = key in self._waiting
            if is_asked_again:
                self._start(key)

    def _answer(self, works: Sequence[Work]) -> None:
        """Fetch one build and settle everything that waits for it. Nothing is raised."""
        try:
            self._fetch_and_record(works)
        except (Stopping, LeaseLost):
            return
        except Exception as error:  # noqa: BLE001 (the edge of one build: its receipts say what happened)
            self._break_off(works, error)

    def _break_off(self, works: Sequence[Work], error: Exception) -> None:
        trouble = error
        if not is_outage(error):
            try:
                self._count(works[0], *broken_as(error))
                self._records.break_off([work.claim for work in works], error)
            except SQLAlchemyError as another:
                trouble = another
            else:
                return
        where = {"instance": works[0].claim.instance, "build": _asked(works[0]).external_id}
        log.warning("could not settle receipts, their leases will run out", **where, error=type(trouble).__name__)

    def _fetch_and_record(self, works: Sequence[Work]) -> None:
        try:
            builds = self._fetched(works)
        except (ProviderError, SecretUnavailable) as error:
            if self._stop.is_set():
                raise Stopping from error
            if isinstance(error, SecretUnavailable):
                self._count(works[0], ErrorKind.SECRET_UNAVAILABLE, str(error))
            self._records.settle([unanswered(work.claim, error) for work in works])
            return
        self._records.record_fetched(works, builds)

    def _fetched(self, works: Sequence[Work]) -> tuple[Observation, ...]:
        """The build as it stands, all its attempts where one look tells all; raises what the provider's answer means.

        What the answer taught about the credential is kept either way.
        """
        claim = works[0].claim
        name = credential_name(claim.instance, self._providers[claim.instance])
        with Session(self._engine) as session:
            standing = credentials.standing(session, name)
        until = standing.resting_until(utc_now())
        if until is not None:
            raise RateLimited(f"{claim.instance} is left alone until {until:%H:%M:%S} UTC", until)
        budgets: list[Budget] = []
        trouble: ProviderError | None = None
        try:
            return self._read(works, budgets.append)
        except ProviderError as error:
            trouble = error
            raise
        finally:
            self._note(works[0], name, budgets, trouble)

    def _read(self, works: Sequence[Work], on_budget: Callable[[Budget], None]) -> tuple[Observation, ...]:
        claim, source = works[0].claim, works[0].source
        kind, settings = self._collectors[claim.provider], self._providers[claim.instance]
        with kind.open_client(
            settings, on_budget=on_budget, before_try=lambda: self._renew(works), limits=LIMITS
        ) as client:
            held = held_builds(self._engine, claim.instance_id)
            collector = kind(settings, source.scope, client, default_branch=source.default_branch, held=held)
            builds = collector.fetch_attempts(_asked(works[0]).external_id)
            if not builds:
                raise NotStill("it changed while it was read")
            return tuple(_with_jobs(collector, build) for build in builds)

    def _renew(self, works: Sequence[Work]) -> None:
        """Hold the receipts for longer than any one request takes."""
        if self._stop.is_set():
            raise Stopping
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            if not receipt_queue.hold(session, [work.claim for work in works]):
                raise LeaseLost("these receipts are processed by another inbox now")

    def _note(self, work: Work, name: str, budgets: Sequence[Budget], trouble: ProviderError | None) -> None:
        """Keep what the answer taught about the credential, and count it where it is an error."""
        claim = work.claim
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            if budgets:
                credentials.note_budget(session, name, claim.instance_id, budgets[-1])
            if isinstance(trouble, RateLimited):
                credentials.block(session, name, claim.instance_id, trouble.retry_at, is_told=trouble.is_told)
            if isinstance(trouble, CredentialRefused):
                credentials.refuse(session, name, claim.instance_id, REFUSED_SECONDS)
            kind = None if trouble is None else counted_as(claim, trouble)
            if kind is not None:
                _count(session, work, kind, str(trouble))

    def _count(self, work: Work, kind: ErrorKind, words: str) -> None:
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            _count(session, work, kind, words)


def counted_as(claim: Claim, error: ProviderError) -> ErrorKind | None:
    """What an error of a fetch is counted as; None where it is none: the build would not hold still. Pure.

    A build may not be there yet; one that is not there later is given up, as when a poll asks for it.
    """
    if isinstance(error, NotStill):
        return None
    if isinstance(error, NotFound):
        return ErrorKind.GIVEN_UP if claim.tries > NOT_THERE_TRIES else None
    return collector_errors.kind_of(error)


def broken_as(error: Exception) -> tuple[ErrorKind, str]:
    """What is counted, and in which words, when something went wrong that no provider said. Pure."""
    if isinstance(error, SQLAlchemyError):
        return ErrorKind.QUARANTINED_BUILD, f"it could not be stored: {first_line(error)}"
    return ErrorKind.BROKE_OFF, f"fetching it broke off ({type(error).__name__}); the scheduler's log says more"


def unanswered(claim: Claim, error: ProviderError | SecretUnavailable) -> Settlement:
    """What becomes of a receipt whose build the provider did not give. Pure but for the clock."""
    if isinstance(error, RateLimited):
        wait = max(1.0, (error.retry_at - utc_now()).total_seconds())
        return receipt_queue.postponed(claim, str(error), wait)
    if isinstance(error, CredentialRefused):
        return receipt_queue.postponed(claim, str(error), REFUSED_SECONDS)
    if isinstance(error, NotFound) and claim.tries > NOT_THERE_TRIES:
        return receipt_queue.ignored(claim, f"the provider no longer shows it: {error}")
    if isinstance(error, MalformedPayload) and claim.tries > NOT_THERE_TRIES:
        return receipt_queue.parked(claim, str(error))
    return receipt_queue.after_failure(claim, str(error))


def _count(session: Session, work: Work, kind: ErrorKind, words: str) -> None:
    example = f"{_asked(work).external_id}, which a webhook told of: {words}"
    collector_errors.note(session, work.source.id, kind, example)


def _with_jobs(collector: BaseCollector[Any], build: Observation) -> Observation:
    if not build.is_finished or build.jobs is not None:
        return build
    return collector.with_jobs(build, collector.fetch_jobs(build.external_id, build.attempt))


def _asked(work: Work) -> Fetch:
    assert isinstance(work.task, Fetch)  # noqa: S101 (its caller sorts by kind)
    return work.task
