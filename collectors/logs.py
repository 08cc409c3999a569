"""Fetches the logs somebody wants to read: claim (commit), fetch and mask with no transaction open, store (commit).

On threads of its own and one request at a time to an instance, so that no poll waits for a log; where a credential
answers only one request at a time, between two polls. What was stored long ago is deleted here, too.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from collectors.base import BaseCollector, RawLog
from collectors.borrowing import Borrower, Loan
from collectors.credential_name import credential_name
from collectors.held_source import REFUSED_SECONDS
from collectors.log_outcome import Outcome, after, failed, given_up, job_called, stored
from collectors.log_process import MOST_TEXT_BYTES, PackedText, unpack
from shared import collector_errors, credentials, log_requests, stored_logs
from shared.clock import utc_now
from shared.collector_errors import ErrorKind
from shared.config.settings import ProviderSettings
from shared.database import limit_waiting
from shared.errors import CredentialRefused, LeaseLost, NotFound, ObservatoryError, ProviderError, RateLimited
from shared.http.rate_limit import Budget
from shared.log_requests import MOST_TRIES, Claim, State
from shared.secret import SecretUnavailable
from shared.stored_logs import NewLog

log = structlog.get_logger()

WORKERS = 3
ORPHAN_SECONDS = 60.0
ORPHAN_TURNS = 20
KEPT_DAYS = 14
"""Whoever reads a log later than this asks the provider for it again."""

PURGE_SECONDS = 3_600.0
PURGE_LOGS = 20
PURGE_REQUESTS = 1_000
"""So many at a time, so that nobody waits for it: twenty logs may hold a hundred megabytes."""

KEPT_FOR_POLLS = 10
"""The last requests of a budget are for finding out what happened, not for reading about it."""

_TURN_SECONDS = 0.25
"""How often a second request of one log looks whether its credential is free."""

_SOURCE = text("SELECT p.source_id FROM builds b JOIN pipelines p ON p.id = b.pipeline_id WHERE b.id = :build_id")
_JOBS = text("SELECT external_id, name FROM jobs WHERE build_id = :build_id AND attempt = :attempt ORDER BY id")


class Stopping(ObservatoryError):
    """This process is ending: nothing more is asked, and the request is given back."""


class LogFetcher:
    """Answers requests for logs, for one scheduler known to others as `owner`."""

    def __init__(
        self,
        engine: Engine,
        providers: Sequence[ProviderSettings],
        collectors: Mapping[str, type[BaseCollector[Any]]],
        owner: str,
    ) -> None:
        self._engine = engine
        self._providers = {provider.name: provider for provider in providers}
        self._collectors = collectors
        self._owner = owner
        self._borrower = Borrower(engine, f"{owner}/logs")
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="logs")
        self._fetching: dict[str, Future[None]] = {}
        self._turn = 0
        self._purge_at = 0.0

    def fetch_wanted_logs(self) -> None:
        """Claim what waits, one request an instance, as far as threads are free; called twice a second."""
        self._fetching = {name: fetch for name, fetch in self._fetching.items() if not fetch.done()}
        self._turn += 1
        with Session(self._engine) as session:
            waiting = log_requests.waiting_instances(session)
        for instance in waiting:
            if instance in self._providers and instance not in self._fetching and len(self._fetching) < WORKERS:
                self._begin(instance)
        if self._turn % ORPHAN_TURNS == 0 and set(waiting) - set(self._providers):
            with Session(self._engine) as session, session.begin():
                log_requests.fail_orphans(session, list(self._providers), ORPHAN_SECONDS)
        if time.monotonic() >= self._purge_at:
            self._purge()

    def stop(self) -> None:
        """Ask for nothing more and give back what is being fetched; what a thread still finds is refused."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        with Session(self._engine) as session, session.begin():
            log_requests.abandon(session, self._owner)
            self._borrower.let_go(session)

    def _begin(self, instance: str) -> None:
        """Have the request to an instance answered that waits longest; without its credential it goes on waiting."""
        lane = self._lane(instance)
        loan = None if lane is None else self._borrower.borrow(lane, instance)
        if lane is not None and loan is None:
            return
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            claim = log_requests.claim(session, self._owner, instance)
        if claim is not None and not self._stop.is_set():
            self._fetching[instance] = self._pool.submit(self.answer, claim, loan)
        elif loan is not None:
            loan.give_back()

    def _lane(self, instance: str) -> str | None:
        """The credential of an installation that wants one request at a time; None where many may be made at once."""
        settings = self._providers[instance]
        if not self._collectors[settings.kind].is_serial:
            return None
        try:
            return credential_name(instance, settings)
        except SecretUnavailable:
            return None  # nothing will be asked; the answer says so

    def answer(self, claim: Claim, loan: Loan | None) -> None:
        """Fetch one log and store it, or say why not. Nothing is raised; `loan` is given back."""
        where = {"instance": claim.instance, "build": claim.external_id, "job": claim.job_external_id or None}
        try:
            try:
                outcome = self._outcome_in_words(claim, loan)
            finally:
                if loan is not None:
                    loan.give_back()
            self._settle(claim, outcome)
        except Stopping:
            return
        except LeaseLost as error:
            log.warning("lost log request", **where, error=str(error))
        except SQLAlchemyError as error:
            log.warning("could not settle a log request, its lease will run out", **where, error=type(error).__name__)
        else:
            texts = sum(each.text_bytes for each in outcome.logs)
            log.info("answered log request", **where, state=str(outcome.state), bytes=texts, reason=outcome.reason)

    def _purge(self) -> None:
        """Delete one batch of what is too old; the next one is due at once after a full batch, else in an hour."""
        self._purge_at = time.monotonic() + PURGE_SECONDS
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            logs = stored_logs.purge(session, days=KEPT_DAYS, most=PURGE_LOGS)
            requests = log_requests.purge(session, days=KEPT_DAYS, most=PURGE_REQUESTS)
        if logs >= PURGE_LOGS or requests >= PURGE_REQUESTS:
            self._purge_at = 0.0
        if logs or requests:
            log.info("purged old logs", logs=logs, requests=requests)

    def _outcome_in_words(self, claim: Claim, loan: Loan | None) -> Outcome:
        try:
            return self._outcome(claim, loan)
        except (Stopping, LeaseLost, SQLAlchemyError):
            raise
        except Exception as error:
            # The edge of one request: the others go on, and whoever waits is told.
            log.exception("fetching a log broke off", instance=claim.instance, build=claim.external_id)
            words = f"fetching it broke off ({type(error).__name__}); the scheduler's log says more"
            self._count(claim, ErrorKind.BROKE_OFF, words)
            return failed(words, ORPHAN_SECONDS)

    def _outcome(self, claim: Claim, loan: Loan | None) -> Outcome:
        if claim.tries > MOST_TRIES:
            outcome = given_up()
            self._count(claim, ErrorKind.BROKE_OFF, str(outcome.reason))
            return outcome
        if claim.scope is None:
            return failed("it is not known which source this build came from", 3_600)
        try:
            name = credential_name(claim.instance, self._providers[claim.instance])
        except SecretUnavailable as error:
            self._count(claim, ErrorKind.SECRET_UNAVAILABLE, str(error))
            return failed(str(error), 60)
        with Session(self._engine) as session:
            standing = credentials.standing(session, name)
            jobs = {row.external_id: row.name for row in session.execute(_JOBS, _attempt(claim))}
        refusal = _not_now(claim, standing)
        return refusal if refusal is not None else self._fetch(claim, claim.scope, name, jobs, loan)

    def _fetch(self, claim: Claim, scope: str, name: str, jobs: Mapping[str, str], loan: Loan | None) -> Outcome:
        """Ask the provider, and keep what that taught us about the credential."""
        budgets: list[Budget] = []
        trouble: ProviderError | None = None
        outcome = stored(())
        try:
            outcome = stored(tuple(self._read(claim, scope, jobs, budgets, loan)))
        except ProviderError as error:
            trouble = error
            wait = (error.retry_at - utc_now()).total_seconds() if isinstance(error, RateLimited) else 0.0
            outcome = after(error, claim, wait)
        self._note(claim, name, budgets, trouble)
        return outcome

    def _read(
        self, claim: Claim, scope: str, jobs: Mapping[str, str], budgets: list[Budget], loan: Loan | None
    ) -> Iterator[NewLog]:
        def before_try() -> None:
            self._renew(claim)
            while loan is not None and not loan.is_kept():
                self._stop.wait(_TURN_SECONDS)
                self._renew(claim)

        kind = self._collectors[claim.provider]
        settings = self._providers[claim.instance]
        left = MOST_TEXT_BYTES
        with kind.open_client(settings, on_budget=budgets.append, before_try=before_try) as client:
            collector = kind(settings, scope, client)
            parts: set[str] = set()
            for raw in collector.fetch_log(claim.external_id, claim.attempt, claim.job_external_id or None):
                self._renew(claim)
                if loan is not None:
                    loan.give_back()  # what follows takes time and asks nobody
                for packed in unpack(raw, kind.log_secrets, most_text=left):
                    left -= packed.told.text_bytes
                    new = _new_log(claim, raw, packed, jobs, frozenset(parts))
                    parts.add(new.part)
                    yield new
                if left <= 0:
                    return

    def _renew(self, claim: Claim) -> None:
        if self._stop.is_set():
            raise Stopping
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            log_requests.renew(session, claim)

    def _note(self, claim: Claim, name: str, budgets: Sequence[Budget], trouble: ProviderError | None) -> None:
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            if budgets:
                credentials.note_budget(session, name, claim.instance_id, budgets[-1])
            if isinstance(trouble, RateLimited):
                credentials.block(session, name, claim.instance_id, trouble.retry_at)
            if isinstance(trouble, CredentialRefused):
                credentials.refuse(session, name, claim.instance_id, REFUSED_SECONDS)
            # A log that is not there (yet, or any more) is an answer.
            if trouble is not None and not isinstance(trouble, NotFound):
                _count(session, claim, collector_errors.kind_of(trouble), str(trouble))

    def _count(self, claim: Claim, kind: ErrorKind, words: str) -> None:
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            _count(session, claim, kind, words)

    def _settle(self, claim: Claim, outcome: Outcome) -> None:
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            # What ended while it was fetched grows no more: there is nothing to wait for.
            is_over = outcome.state is State.STORED and log_requests.ended_meanwhile(session, claim)
            again_seconds = 0.0 if is_over else outcome.again_seconds
            log_requests.settle(session, claim, outcome.state, outcome.reason, again_seconds)
            if outcome.logs and claim.is_whole:
                stored_logs.clear(session, claim.build_id, claim.attempt)
            stored_logs.store(session, claim.build_id, claim.attempt, outcome.logs)


def _count(session: Session, claim: Claim, kind: ErrorKind, words: str) -> None:
    """Count an error with the source that the build is of, where one is known."""
    source = session.scalar(_SOURCE, {"build_id": claim.build_id})
    example = f"the log of {claim.external_id}: {words}"
    if source is None:
        collector_errors.note_elsewhere(session, claim.instance_id, kind, example)
    else:
        collector_errors.note(session, source, kind, example)


def _new_log(claim: Claim, raw: RawLog, packed: PackedText, jobs: Mapping[str, str], taken: frozenset[str]) -> NewLog:
    """One text under the job it belongs to, else under a number and a name of its own."""
    label = packed.told.name or raw.name
    job = raw.job_external_id or job_called(label, jobs)
    part = job if job is not None and job not in taken else f"~{len(taken)}_{label}"
    places = list(jobs)
    return NewLog(
        part=part,
        name=jobs.get(part, label),
        place=places.index(part) if part in jobs else len(places) + len(taken),
        content=packed.content,
        block_ends=tuple(packed.told.block_ends),
        text_bytes=packed.told.text_bytes,
        sha256=bytes.fromhex(packed.told.sha256),
        is_complete=raw.is_complete and claim.was_finished,
        is_truncated=packed.told.is_truncated,
        masked=packed.told.masked,
    )


def _not_now(claim: Claim, standing: credentials.Standing) -> Outcome | None:
    """Why the credential may not be used for this now."""
    now = utc_now()
    if standing.blocked_until is not None and standing.blocked_until > now:
        reason = "refused this credential" if standing.is_rejected else "limits its requests"
        words = f"{claim.instance} {reason}; asked again after {standing.blocked_until:%H:%M:%S} UTC"
        return failed(words, (standing.blocked_until - now).total_seconds())
    budget = standing.budget
    if budget is None or budget.remaining is None or budget.reset_at is None or budget.reset_at <= now:
        return None
    if budget.remaining > KEPT_FOR_POLLS:
        return None
    words = f"{claim.instance} allows {budget.remaining} more requests until {budget.reset_at:%H:%M:%S} UTC"
    return failed(f"{words}, and those are kept for finding builds", (budget.reset_at - now).total_seconds())


def _attempt(claim: Claim) -> dict[str, int]:
    return {"build_id": claim.build_id, "attempt": claim.attempt}
