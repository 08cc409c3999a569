"""One poll of one source: list, record page by page, read by id what the list did not tell, give the source back."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
import tenacity
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from collectors.base import OVERLAP, BaseCollector, TooManyPages
from collectors.follow_up import FollowUp, Want, follow_ups, known_builds
from collectors.held_builds import held_builds
from collectors.held_source import REFUSED_SECONDS, HeldSource
from collectors.pace import Pace, after_failure, pace
from shared import credentials
from shared.clock import utc_now
from shared.config.settings import ProjectSettings, ProviderSettings
from shared.errors import (
    CredentialRefused,
    LeaseLost,
    MalformedPayload,
    NotFound,
    ObservatoryError,
    ProviderError,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from shared.http.rate_limit import Budget
from shared.leases import LEASE_SECONDS, Claim, Outcome
from shared.observation import Observation, Page
from shared.recorder import Recorded
from shared.secret import SecretSource, SecretUnavailable, fingerprint

log = structlog.get_logger()

FIRST_WINDOW = timedelta(days=1)
"""How far back the first collection of a source reads; more is a backfill's work."""

POOR_FIRST_WINDOW = timedelta(hours=3)
POOR_LIMIT = 1000
"""Credentials with a smaller hourly limit (GitHub without a token: 60) cannot afford to look back a day."""

SWEPT = timedelta(days=30)
"""GitHub lets a run be run again for so long."""

SWEEP_EVERY = 4
MOST_SAVED = 10
MOST_TROUBLES = 3

DESCRIBED_FOR = timedelta(days=1)


class Stopping(ObservatoryError):
    """This process is ending: the poll asks for nothing more and gives its source back."""


@dataclass
class _Progress:
    """What one poll has learnt so far; `cursor` is written when the source is given back."""

    cursor: dict[str, Any]
    budget: Budget | None
    is_listed: bool = False
    requests: int = 0
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
        except OperationalError as error:
            log.warning("database went away during a poll", source=source, error=str(error.orig).partition("\n")[0])
            outcome = Outcome(is_complete=False, wait_seconds=0, interval_seconds=self._floor_seconds)
        except Exception as error:
            # The edge of one source: the others go on, and this one says what happened.
            log.exception("poll broke off", source=source)
            outcome = self._failed(claim, f"the poll broke off ({type(error).__name__}); the scheduler's log says more")
        try:
            self._give_back(held, outcome)
        except (LeaseLost, SQLAlchemyError) as error:
            log.warning("could not give the source back, its lease will run out", source=source, error=str(error))

    def _give_back(self, held: HeldSource, outcome: Outcome) -> None:
        """Release the source, waiting for a database that is away: its lease would keep everyone from it for longer."""
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(OperationalError),
            stop=tenacity.stop_after_delay(LEASE_SECONDS) | tenacity.stop_when_event_set(self.stop),
            wait=tenacity.wait_fixed(1),
            reraise=True,
        ):
            with attempt:
                held.release(outcome)

    def _outcome(self, claim: Claim, held: HeldSource) -> Outcome:
        """Poll, and say how it ended."""
        try:
            name = self._credential(claim)
        except SecretUnavailable as error:
            return self._failed(claim, str(error))
        standing, sources = self._standing(claim, name)
        now = utc_now()
        resting_until = standing.resting_until(now)
        if resting_until is not None:
            words = _resting_words(claim, standing, resting_until)
            return self._failed(claim, words, (resting_until - now).total_seconds())
        progress = _Progress(dict(claim.cursor), standing.budget)
        trouble: ProviderError | None = None
        try:
            self._read(claim, held, progress, name, sources)
        except ProviderError as error:
            trouble = error
        held.note_credential(name, progress.budget, trouble)
        if trouble is not None:
            log.warning("poll failed", source=f"{claim.instance}:{claim.scope}", error=str(trouble))
        if trouble is not None and not progress.is_listed:
            return self._failed(claim, str(trouble), self._wait_after(claim, trouble))
        interval = self._pace(progress.budget, sources).interval_seconds
        wait = interval if trouble is None else max(interval, self._wait_after(claim, trouble))
        _log_polled(claim, progress, wait)
        return Outcome(is_complete=True, wait_seconds=wait, interval_seconds=interval, cursor=progress.cursor)

    def _read(self, claim: Claim, held: HeldSource, progress: _Progress, credential: str, sources: int) -> None:
        """Everything one poll asks the provider; each answer is recorded before the next question.

        Once the list is recorded the poll is complete: what follows may fail, or wait for a later poll's budget.
        """
        settings = self._providers[claim.instance]

        def before_try() -> None:
            if self.stop.is_set():
                raise Stopping
            held.renew(credential)
            progress.requests += 1

        def on_budget(budget: Budget) -> None:
            progress.budget = budget

        kind = self._collectors[claim.provider]
        with kind.open_client(settings, on_budget=on_budget, before_try=before_try) as client:
            collector = kind(settings, claim.scope, client, held=held_builds(self._engine, claim.instance_id))
            _describe(collector, progress.cursor)
            _list(collector, held, progress)
            held.note_credential(credential, progress.budget, None)
            self._look_closer(claim, held, progress, collector, self._pace(progress.budget, sources).follow_ups)

    def _look_closer(
        self, claim: Claim, held: HeldSource, progress: _Progress, collector: BaseCollector[Any], allowance: int
    ) -> None:
        """Spend what the budget allows beyond the list; what is not spent is saved for a poll that needs more."""
        allowance = min(allowance + progress.cursor.get("saved", 0), 2 * allowance + MOST_SAVED)
        spent_before = progress.requests
        if progress.cursor["turn"] % SWEEP_EVERY == 0 and allowance > 0:
            self._sweep(claim, held, progress, collector)
        troubles = 0
        for follow_up in self._follow_ups(claim, progress, allowance):
            spent = progress.requests - spent_before
            if spent + follow_up.requests > allowance or troubles == MOST_TROUBLES:
                break
            troubles += not _follow(collector, held, progress, follow_up)
        progress.cursor["saved"] = max(0, min(MOST_SAVED, allowance - (progress.requests - spent_before)))

    def _sweep(self, claim: Claim, held: HeldSource, progress: _Progress, collector: BaseCollector[Any]) -> None:
        """One page of the last 30 days, round and round: the guarantee that a re-run of an old build is seen.

        Builds from before the baseline that we never held stay the past: collecting them is a backfill's work.
        """
        page, place = collector.sweep(progress.cursor.get("sweep", 0), utc_now() - SWEPT)
        progress.cursor["sweep"] = place
        with Session(self._engine) as session:
            known = known_builds(session, claim.source_id, [build.external_id for build in page.observations])
        baseline_at = claim.baseline_at or utc_now()
        wanted = [build for build in page.observations if build.external_id in known or build.queued_at >= baseline_at]
        progress.recorded += held.record_page(Page(observations=tuple(wanted)))

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


def _resting_words(claim: Claim, standing: credentials.Standing, until: datetime) -> str:
    reason = "refused this credential" if standing.is_rejected else "limits its requests"
    return f"{claim.instance} {reason}; asked again after {until:%H:%M:%S} UTC"


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
        # Asking the same again next time would end here for ever: go on from here, and say what was not read.
        log.warning("list cut short", since=since.isoformat(), reason=str(error))
        if watermark is not None:
            held.put_aside("list", since.isoformat(), f"older builds since then were not read: {error}")
    if reached:
        # A provider whose clock is ahead must not pull the watermark past builds still to come.
        progress.cursor["watermark"] = min(max(reached), utc_now()).isoformat()
    progress.cursor["turn"] = progress.cursor.get("turn", 0) + 1
    progress.is_listed = True


def _beginning(progress: _Progress) -> datetime:
    """Where the first collection of a source begins."""
    limit = None if progress.budget is None else progress.budget.limit
    return utc_now() - (POOR_FIRST_WINDOW if limit is not None and limit < POOR_LIMIT else FIRST_WINDOW)


def _follow(collector: BaseCollector[Any], held: HeldSource, progress: _Progress, follow_up: FollowUp) -> bool:
    """Read one build by id; False when the provider could not answer for it, which does not stop the others.

    One that it no longer shows, or shows as nonsense, is noted and left alone for a day.
    """
    try:
        builds = _observed(collector, progress, follow_up)
    except (NotFound, MalformedPayload) as error:
        held.put_aside(follow_up.want, follow_up.name, str(error))
        return True
    except CredentialRefused:
        raise
    except (Unavailable, Unauthorized) as error:
        log.warning("could not read a build", build=follow_up.name, want=follow_up.want.value, error=str(error))
        return False
    progress.recorded += held.record_page(Page(observations=builds))
    if follow_up.want is Want.ATTEMPT and builds and not builds[-1].is_finished:
        held.put_aside(follow_up.want, follow_up.name, f"superseded as {builds[-1].raw_status}, so it will not finish")
    return True


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
