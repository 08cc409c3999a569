"""Everything a poll writes: in short transactions, each of which first proves that the source is still ours."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

import orjson
import structlog
import tenacity
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from shared import collector_errors, credentials, leases, quarantine, validators
from shared.assignment import assign_pipelines
from shared.clock import utc_now
from shared.config.settings import ProjectSettings
from shared.database import limit_waiting
from shared.errors import CredentialRefused, ProviderError, RateLimited
from shared.events import Via
from shared.http.rate_limit import Budget
from shared.leases import Claim, Outcome
from shared.observation import Observation, Page
from shared.recorder import Recorded, record
from shared.validators import Validators

log = structlog.get_logger()

REFUSED_SECONDS = 900.0
"""A credential that was refused is tried again after this long, by one source, not by all of them."""

RENEWED_SECONDS = 1.0
"""A renewal is good for this long: a lease lasts a minute, and no write goes without proving it again."""


class HeldSource:
    """One claimed source and the writes of one poll; every method raises LeaseLost when another process took over."""

    def __init__(self, engine: Engine, held: Claim, projects: Sequence[ProjectSettings]) -> None:
        self._engine = engine
        self._held = held
        self._projects = projects
        self._validators: tuple[str, Validators] | None = None
        self._renewed_at = -math.inf

    def renew(self, credential: str) -> None:
        """Hold the source (and its lane) for longer than any one request takes; once a second is often enough.

        Raises RateLimited if the credential has to rest.
        """
        if monotonic() - self._renewed_at < RENEWED_SECONDS:
            return
        with Session(self._engine) as session, session.begin():
            limit_waiting(session, is_synced=False)
            standing = leases.renew_and_ask(session, self._held, credential)
            if self._held.lane is not None:
                credentials.keep(session, self._held.lane, self._held.owner)
        until = standing.resting_until(utc_now())
        if until is not None:
            raise RateLimited(f"{self._held.instance} is left alone until {until:%H:%M:%SZ}", until)
        self._renewed_at = monotonic()

    def validators(self, credential: str) -> Validators:
        """The entity tags of what is recorded of this source; those that are settled meanwhile are kept at the end."""
        with self.transaction() as session:
            found = validators.known(session, credential, self._held.source_id)
        self._validators = (credential, found)
        return found

    def record_page(self, page: Page, via: Via = Via.POLL) -> Recorded:
        """Commit one page; rows that are unreadable or cannot be stored are put aside, and the others stay."""
        recorded = self._record(page.observations, self._held.source_id, via) + self._record(page.elsewhere, None, via)
        for row in page.unreadable:
            self.put_aside(row.kind, row.external_id, row.reason)
        if recorded.new_pipelines and self._projects:
            with self.transaction() as session:
                assign_pipelines(session, self._projects)
        return recorded

    def put_aside(self, kind: str, external_id: str | None, reason: str) -> None:
        """Note in quarantine what could not be read or stored, and why."""
        with self.transaction() as session:
            quarantine.note(session, self._held.source_id, kind=kind, external_id=external_id, reason=reason)
            collector_errors.note(session, self._held.source_id, collector_errors.kind_of_row(kind), reason)

    def count(self, error: ProviderError) -> None:
        """Count an error that does not end the poll."""
        with self.transaction() as session:
            collector_errors.note(session, self._held.source_id, collector_errors.kind_of(error), str(error))

    def note_credential(self, name: str, budget: Budget | None, error: ProviderError | None) -> None:
        """Keep what this poll learnt about its credential, for every other source that uses it; count what ended it."""
        with self.transaction() as session:
            if budget is not None:
                credentials.note_budget(session, name, self._held.instance_id, budget)
            if isinstance(error, RateLimited):
                credentials.block(session, name, self._held.instance_id, error.retry_at, is_told=error.is_told)
            if isinstance(error, CredentialRefused):
                credentials.refuse(session, name, self._held.instance_id, REFUSED_SECONDS)
            if error is not None:
                collector_errors.note(session, self._held.source_id, collector_errors.kind_of(error), str(error))

    def release(self, outcome: Outcome) -> None:
        """Give the source back, and keep the entity tags of what is recorded, if where the poll got to is kept too."""
        cursor = None if outcome.cursor is None else orjson.dumps(outcome.cursor).decode()
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            leases.release(session, self._held, outcome, cursor)
            if outcome.kind is not None and outcome.error is not None:
                collector_errors.note(session, self._held.source_id, outcome.kind, outcome.error)
            if self._validators is not None and cursor is not None:
                credential, found = self._validators
                validators.note(session, credential, self._held.source_id, found.settled)

    def _record(self, builds: Sequence[Observation], source_id: int | None, via: Via) -> Recorded:
        """Record in one transaction, or, when Postgres refuses a value, in ever smaller ones until the row is alone."""
        if not builds:
            return Recorded()
        try:
            return self._record_once(builds, source_id, via)
        except (DataError, IntegrityError) as error:
            if not _is_a_rows_fault(error):
                raise
            if len(builds) == 1:
                reason = str(error.orig).partition("\n")[0]
                log.warning("quarantined build", source=self._held.scope, external_id=builds[0].external_id)
                self.put_aside("build", builds[0].external_id, reason)
                return Recorded()
        half = len(builds) // 2
        return self._record(builds[:half], source_id, via) + self._record(builds[half:], source_id, via)

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(OperationalError),
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_random_exponential(0.1, max=1),
        reraise=True,
    )
    def _record_once(self, builds: Sequence[Observation], source_id: int | None, via: Via) -> Recorded:
        """Again from the start after a deadlock, a lock's time-out or a lost connection: no repeat writes twice."""
        with self.transaction() as session:
            return record(
                session,
                builds,
                instance_id=self._held.instance_id,
                source_id=source_id,
                is_backfill=self._held.baseline_at is None or via is Via.BACKFILL,
                via=via,
            )

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A short transaction in which the source is ours; it must not outlast a network call."""
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            leases.renew(session, self._held)
            yield session


def _is_a_rows_fault(error: DataError | IntegrityError) -> bool:
    """Whether a value was refused (class 22, a check or a NOT NULL), which no repetition heals."""
    sqlstate = getattr(error.orig, "sqlstate", None) or "22000"
    return sqlstate.startswith("22") or sqlstate in ("23502", "23514")
