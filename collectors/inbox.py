"""The inbox: stored webhooks become recorded builds and moved branches. Woken by a notification, and every second."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from collectors import github_webhook, gitlab_webhook, jenkins_webhook
from collectors.base import BaseCollector
from collectors.inbox_fetches import Fetches
from collectors.inbox_records import Records, Work, is_outage
from collectors.webhook import Fetch, LookSoon, Moved, Nothing, Subject, Task, Told
from shared import receipt_queue, webhook_sources
from shared.config.settings import ProjectSettings, ProviderSettings
from shared.database import limit_waiting
from shared.jobs import Job, Jobs
from shared.listener import Listener
from shared.receipt_queue import Claim, Settlement
from shared.webhook_sources import Asked

log = structlog.get_logger()

BATCH = 100
POLL_SECONDS = 1.0
STOP_SECONDS = 3.0

Read = Callable[[str, object, str, datetime], Task]

READERS: Mapping[str, Read] = {
    "github": github_webhook.read,
    "gitlab": gitlab_webhook.read,
    "jenkins": jenkins_webhook.read,
}
"""What a webhook asks of us, by the kind of its provider: (event, body, host of its links, received at)."""


class Inbox:
    """Processes receipts on a thread of its own, for one scheduler known to others as `owner`."""

    def __init__(
        self,
        engine: Engine,
        providers: Sequence[ProviderSettings],
        collectors: Mapping[str, type[BaseCollector[Any]]],
        projects: Sequence[ProjectSettings],
        *,
        owner: str,
        listener: Listener,
        jobs: Jobs,
    ) -> None:
        self._engine = engine
        self._providers = {provider.name: provider for provider in providers if provider.kind in READERS}
        self._owner = owner
        self._listener = listener
        self._jobs = jobs
        self._records = Records(engine, projects)
        self._fetches = Fetches(engine, self._providers, collectors, self._records)
        self._has_leftovers = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)

    def start(self) -> None:
        """Process what is there and what comes."""
        self._thread.start()

    def stop(self) -> None:
        """Claim nothing more and give everything back; what a thread still writes is refused."""
        self._stop.set()
        self._fetches.stop()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        with Session(self._engine) as session, session.begin():
            receipt_queue.abandon(session, self._owner)

    def work(self) -> int:
        """Claim what is due and process it as far as no provider has to be asked; returns how many were claimed."""
        self._fetches.keep()
        backed_up = self._fetches.backed_up()
        instances = [name for name in self._providers if name not in backed_up]
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            claims = receipt_queue.claim(session, self._owner, instances, BATCH)
        if claims:
            self._process(claims)
        return len(claims)

    def purge(self) -> None:
        """Delete the receipts that are too old to be of use."""
        purged = 0
        while not self._stop.is_set():
            with Session(self._engine) as session, session.begin():
                limit_waiting(session)
                count = receipt_queue.purge(session)
            purged += count
            if count < receipt_queue.PURGED_AT_ONCE:
                break
        if purged:
            log.info("purged receipts", receipts=purged)

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._jobs.run(Job.WEBHOOKS, self._work_and_wait):
                self._stop.wait(POLL_SECONDS)
        self._listener.close()

    def _work_and_wait(self) -> None:
        """Work until nothing is left, and wait for more."""
        if self._has_leftovers:
            self._give_back()
        try:
            while not self._stop.is_set() and self.work() == BATCH:
                continue
        except SQLAlchemyError as error:
            self._has_leftovers = is_outage(error)
            raise
        self._listener.wait(POLL_SECONDS)

    def _give_back(self) -> None:
        """After an outage nothing of what was claimed waits for its lease to run out.

        After any other trouble it does wait, and the try counts: what breaks a statement must not break it for ever.
        """
        with Session(self._engine) as session, session.begin():
            limit_waiting(session)
            receipt_queue.abandon(session, self._owner)
        self._has_leftovers = False

    def _process(self, claims: Sequence[Claim]) -> None:
        """Process them together or, if something breaks, in ever smaller parts, until what breaks it is alone."""
        try:
            self._process_together(claims)
        except Exception as error:
            if is_outage(error):
                raise
            if len(claims) == 1:
                self._records.break_off(claims, error)
                return
            half = len(claims) // 2
            self._process(claims[:half])
            self._process(claims[half:])

    def _process_together(self, claims: Sequence[Claim]) -> None:
        settled: list[Settlement] = []
        asked: list[tuple[Claim, Told | Fetch | LookSoon | Moved]] = []
        for claim in claims:
            task = self._task_of(claim)
            if isinstance(task, Settlement):
                settled.append(task)
            else:
                asked.append((claim, task))
        works = self._with_sources(asked, settled)
        self._records.settle(settled)
        self._do(works)

    def _task_of(self, claim: Claim) -> Told | Fetch | LookSoon | Moved | Settlement:
        """What a receipt asks, or how it is settled at once."""
        if claim.tries > receipt_queue.MOST_TRIES:
            return receipt_queue.parked(claim, f"given up after {claim.tries - 1} tries, none of which came to an end")
        if claim.body is None:
            return receipt_queue.ignored(claim, "its body is gone")
        try:
            host = _host(self._providers[claim.instance])
            task = READERS[claim.provider](claim.kind, claim.body, host, claim.received_at)
        except Exception as error:
            # The edge of one receipt: a body that nobody foresaw must not hold up the others.
            log.exception("could not read a webhook", receipt=claim.id, kind=claim.kind)
            return receipt_queue.parked(claim, f"reading it broke off ({type(error).__name__}); the log says more")
        return receipt_queue.ignored(claim, task.reason) if isinstance(task, Nothing) else task

    def _with_sources(
        self, asked: Sequence[tuple[Claim, Told | Fetch | LookSoon | Moved]], settled: list[Settlement]
    ) -> list[Work]:
        """Each with the source it is about; what nobody watches is ignored."""
        if not asked:
            return []
        with Session(self._engine) as session:
            sources = webhook_sources.find(session, [_asked(claim, task.subject) for claim, task in asked])
        works: list[Work] = []
        for (claim, task), source in zip(asked, sources, strict=True):
            if source is None:
                settled.append(receipt_queue.ignored(claim, f"{task.subject.name} is not watched"))
            else:
                works.append(Work(claim, task, source))
        return works

    def _do(self, works: Sequence[Work]) -> None:
        """Pushes first: a run of a new branch finds it moved already. Fetches last: they must not be begun twice."""
        for work in works:
            if isinstance(work.task, Moved):
                self._records.move_branch(work)
        told = [work for work in works if isinstance(work.task, Told)]
        if told:
            self._records.record_told(told)
        # After the runs: a job of one that has just been recorded needs no look.
        if looks := [work for work in works if isinstance(work.task, LookSoon)]:
            self._records.look_soon(looks)
        self._fetches.submit([work for work in works if isinstance(work.task, Fetch)])


def _asked(claim: Claim, subject: Subject) -> Asked:
    return Asked(claim.instance_id, subject.scopes, subject.external_id)


def _host(provider: ProviderSettings) -> str:
    return urlsplit(getattr(provider, "web_url", provider.base_url)).hostname or ""
