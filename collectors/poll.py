"""One poll of one source: list, record page by page, read by id what the list did not tell, give the source back."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from collectors.base import OVERLAP, BaseCollector, TooManyPages
from collectors.follow_up import FollowUp, Want, follow_ups
from collectors.held_builds import held_builds
from collectors.held_source import REFUSED_SECONDS, HeldSource
from collectors.pace import Pace, after_failure, pace
from shared import credentials
from shared.clock import utc_now
from shared.config.settings import ProjectSettings, ProviderSettings
from shared.errors import (
    LeaseLost,
    MalformedPayload,
    NotFound,
    ObservatoryError,
    ProviderError,
    RateLimited,
    Unauthorized,
)
from shared.http.rate_limit import Budget
from shared.leases import Claim, Outcome
from shared.observation import Observation, Page
from shared.recorder import Recorded
from shared.secret import SecretSource, SecretUnavailable, fingerprint

log = structlog.get_logger()

FIRST_WINDOW = timedelta(days=1)
"""How far back the first collection of a source reads; more is a backfill's work."""

POOR_FIRST_WINDOW = timedelta(hours=3)
POOR_LIMIT = 1000
"""Credentials with a smaller hourly limit (GitHub without a token: 60) cannot afford to look back a day."""

DESCRIBED_FOR = timedelta(days=1)


class Stopping(ObservatoryError):
    """This process is ending: the poll asks for nothing more and gives its source back."""


@dataclass
class _Progress:
    """What one poll has learnt so far; `cursor` is written when the source is given back."""

    cursor: dict[str, Any]
    budget: Budget | None
    seen: dict[str, Observation] = field(default_factory=dict)
    recorded: Recorded = field(default_factory=Recorded)


class Poller:
    """Polls claimed sources, for all threads of a scheduler; once `stop` is set, a poll ends at its next request."""

    def __init__(
        self,
        engine: Engine,
        providers: Sequence[ProviderSettings],
        collectors: Mapping[str, type[BaseCollector[Any]]],
        projects: Sequence[ProjectSettings],
        floor_seconds: float,
    ) -> None:
        self.stop = threading.Event()
        self._engine = engine
        self._providers = {provider.name: provider for provider in providers}
        self._collectors = collectors
        self._projects = projects
        self._floor_seconds = floor_seconds

    def poll(self, claim: Claim) -> None:
        """Poll one source and give it back. What goes wrong is written on the source in words; nothing is raised."""
        held = HeldSource(self._engine, claim, self._projects)
        source = f"{claim.instance}:{claim.scope}"
        try:
            outcome = self._outcome(claim, held)
        except Stopping:
            outcome = Outcome(is_complete=False, wait_seconds=0, interval_seconds=self._floor_seconds)
        except LeaseLost as error:
            log.warning("lost lease", source=source, error=str(error))
            return
        except Exception as error:
            # The edge of one source: the others go on, and this one says what happened.
            log.exception("poll broke off", source=source)
            outcome = self._failed(claim, f"the poll broke off ({type(error).__name__}); the scheduler's log says more")
        try:
            held.release(outcome)
        except (LeaseLost, SQLAlchemyError) as error:
            log.warning("could not give the source back, its lease will run out", source=source, error=str(error))

    def _outcome(self, claim: Claim, held: HeldSource) -> Outcome:
        """Poll, and say how it ended."""
        try:
            name = self._credential(claim)
        except SecretUnavailable as error:
            return self._failed(claim, str(error))
        standing, sources = self._standing(claim, name)
        now = utc_now()
        if standing.blocked_until is not None and standing.blocked_until > now:
            return self._failed(claim, _blocked_words(claim, standing), (standing.blocked_until - now).total_seconds())
        progress = _Progress(dict(claim.cursor), standing.budget)
        trouble: ProviderError | None = None
        try:
            self._read(claim, held, progress, self._pace(standing.budget, sources))
        except ProviderError as error:
            trouble = error
        held.note_credential(name, progress.budget, trouble)
        if trouble is not None:
            log.warning("poll failed", source=f"{claim.instance}:{claim.scope}", error=str(trouble))
            return self._failed(claim, str(trouble), self._wait_after(claim, trouble))
        interval = self._pace(progress.budget, sources).interval_seconds
        _log_polled(claim, progress, interval)
        return Outcome(is_complete=True, wait_seconds=interval, interval_seconds=interval, cursor=progress.cursor)

    def _read(self, claim: Claim, held: HeldSource, progress: _Progress, spread: Pace) -> None:
        """Everything one poll asks the provider; each answer is recorded before the next question."""
        settings = self._providers[claim.instance]

        def before_try() -> None:
            if self.stop.is_set():
                raise Stopping
            held.renew()

        def on_budget(budget: Budget) -> None:
            progress.budget = budget

        kind = self._collectors[claim.provider]
        with kind.open_client(settings, on_budget=on_budget, before_try=before_try) as client:
            collector = kind(settings, claim.scope, client, held=held_builds(self._engine, claim.instance_id))
            _describe(collector, progress.cursor)
            _list(collector, held, progress)
            for follow_up in self._follow_ups(claim, progress, spread.follow_ups):
                _follow(collector, held, progress, follow_up)

    def _follow_ups(self, claim: Claim, progress: _Progress, most: int) -> list[FollowUp]:
        with Session(self._engine) as session:
            return follow_ups(
                session,
                claim.source_id,
                seen=list(progress.seen),
                turn=progress.cursor["turn"],
                now=utc_now(),
                most=most,
            )

    def _standing(self, claim: Claim, name: str) -> tuple[credentials.Standing, int]:
        """How the credential stands, and how many sources share it."""
        count = text("SELECT count(*) FROM sources WHERE instance_id = :instance AND is_active")
        with Session(self._engine) as session:
            standing = credentials.standing(session, name)
            return standing, int(session.scalar(count, {"instance": claim.instance_id}) or 1)

    def _credential(self, claim: Claim) -> str:
        source = getattr(self._providers[claim.instance], "token", SecretSource())
        secret: SecretStr | None = source.read()
        return credentials.name_of(claim.instance, None if secret is None else fingerprint(secret))

    def _pace(self, budget: Budget | None, sources: int) -> Pace:
        return pace(budget, utc_now(), sources=sources, floor_seconds=self._floor_seconds)

    def _wait_after(self, claim: Claim, trouble: ProviderError) -> float:
        """Never sooner than the provider said, and longer with each repetition."""
        repeated = after_failure(claim.failures + 1, self._floor_seconds)
        if isinstance(trouble, RateLimited):
            return max(repeated, (trouble.retry_at - utc_now()).total_seconds())
        return REFUSED_SECONDS if isinstance(trouble, Unauthorized) else repeated

    def _failed(self, claim: Claim, error: str, wait_seconds: float | None = None) -> Outcome:
        wait = after_failure(claim.failures + 1, self._floor_seconds) if wait_seconds is None else wait_seconds
        return Outcome(is_complete=False, error=error, wait_seconds=wait, interval_seconds=self._floor_seconds)


def _blocked_words(claim: Claim, standing: credentials.Standing) -> str:
    reason = "refused this credential" if standing.is_rejected else "limits its requests"
    return f"{claim.instance} {reason}; asked again after {standing.blocked_until:%H:%M:%S} UTC"


def _describe(collector: BaseCollector[Any], cursor: dict[str, Any]) -> None:
    """Learn the default branch about once a day."""
    described_at = cursor.get("described_at")
    if described_at is None or datetime.fromisoformat(described_at) < utc_now() - DESCRIBED_FOR:
        cursor["default_branch"] = collector.fetch_default_branch()
        cursor["described_at"] = utc_now().isoformat()
    collector.default_branch = cursor["default_branch"]


def _list(collector: BaseCollector[Any], held: HeldSource, progress: _Progress) -> None:
    """Record the list page by page; the watermark moves only after all of it is committed."""
    text_before = progress.cursor.get("watermark")
    watermark = None if text_before is None else datetime.fromisoformat(text_before)
    reached = [] if watermark is None else [watermark]
    since = _beginning(progress) if watermark is None else watermark - OVERLAP
    try:
        for page in collector.list_recent_builds(since):
            progress.recorded += held.record_page(page)
            progress.seen |= {build.external_id: build for build in page.observations}
            reached += [page.watermark] if page.watermark else [build.queued_at for build in page.observations]
    except TooManyPages as error:
        # The first collection may stop early: what lies further back is the past. Later it would be a gap.
        if watermark is not None:
            raise
        log.warning("first collection cut short", reason=str(error))
    if reached:
        # A provider whose clock is ahead must not pull the watermark past builds still to come.
        progress.cursor["watermark"] = min(max(reached), utc_now()).isoformat()
    progress.cursor["turn"] = progress.cursor.get("turn", 0) + 1


def _beginning(progress: _Progress) -> datetime:
    """Where the first collection of a source begins."""
    limit = None if progress.budget is None else progress.budget.limit
    return utc_now() - (POOR_FIRST_WINDOW if limit is not None and limit < POOR_LIMIT else FIRST_WINDOW)


def _follow(collector: BaseCollector[Any], held: HeldSource, progress: _Progress, follow_up: FollowUp) -> None:
    """Read one build by id; one that the provider no longer shows is noted and does not end the poll."""
    try:
        builds = _observed(collector, progress, follow_up)
    except (NotFound, MalformedPayload) as error:
        held.put_aside(follow_up.want, follow_up.name, str(error))
        return
    progress.recorded += held.record_page(Page(observations=builds))
    if follow_up.want is Want.ATTEMPT and builds and not builds[-1].is_finished:
        held.put_aside(follow_up.want, follow_up.name, f"superseded as {builds[-1].raw_status}, so it will not finish")


def _observed(collector: BaseCollector[Any], progress: _Progress, follow_up: FollowUp) -> tuple[Observation, ...]:
    """What a follow-up is about, with its jobs once finished; the list's own row serves where it is the same."""
    listed = progress.seen.get(follow_up.external_id)
    if follow_up.want is Want.JOBS and listed is not None and listed.attempt == follow_up.attempt:
        return (_with_jobs(collector, listed),)
    builds = collector.fetch_attempts(follow_up.external_id, follow_up.attempt)
    return tuple(_with_jobs(collector, build) for build in builds)


def _with_jobs(collector: BaseCollector[Any], build: Observation) -> Observation:
    if not build.is_finished or build.jobs is not None:
        return build
    return collector.with_jobs(build, collector.fetch_jobs(build.external_id, build.attempt))


def _log_polled(claim: Claim, progress: _Progress, interval_seconds: float) -> None:
    log.info(
        "polled",
        source=f"{claim.instance}:{claim.scope}",
        builds=len(progress.seen),
        changed=progress.recorded.changed,
        transitions=progress.recorded.transitions,
        requests_left=None if progress.budget is None else progress.budget.remaining,
        next_in_seconds=round(interval_seconds),
    )
