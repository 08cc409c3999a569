"""One poll of one source: list, record page by page, read by id what the list did not tell, give the source back."""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
import tenacity
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from collectors.backfill import collect_past
from collectors.base import BaseCollector
from collectors.comparison import compare_broken
from collectors.credential_name import credential_name
from collectors.doubted import Doubted
from collectors.follow_up import FollowUp, Want, follow_ups, known_builds
from collectors.held_builds import held_builds
from collectors.held_source import REFUSED_SECONDS, HeldSource
from collectors.listing import SWEEP_EVERY, describe, list_builds, look_for_reruns
from collectors.pace import Demand, Pace, after_failure, is_usual, pace, wanted_seconds
from collectors.progress import Progress
from collectors.rhythm import demand_of_others, is_running, usual_slots
from shared import credentials
from shared.clock import utc_now
from shared.collector_errors import ErrorKind
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
from shared.events import Via
from shared.http.rate_limit import Budget
from shared.leases import LEASE_SECONDS, Claim, Outcome
from shared.observation import Observation, Page
from shared.secret import SecretUnavailable

log = structlog.get_logger()

SWEPT = timedelta(days=30)
"""GitHub lets a run be run again for so long."""

SWEEP_TURN, PAST_TURN = 0, 1
"""Of every `SWEEP_EVERY` polls the one that sweeps first, and the one that goes on with a backfill first."""

MOST_SAVED = 10
MOST_TROUBLES = 3


class Stopping(ObservatoryError):
    """This process is ending: the poll asks for nothing more and gives its source back."""


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
            words = f"the poll broke off ({type(error).__name__}); the scheduler's log says more"
            outcome = self._failed(claim, words, kind=ErrorKind.BROKE_OFF)
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
            name = self._credential(claim.instance)
        except SecretUnavailable as error:
            return self._failed(claim, str(error), kind=ErrorKind.SECRET_UNAVAILABLE)
        standing, others = self._standing(claim, name)
        now = utc_now()
        resting_until = standing.resting_until(now)
        if resting_until is not None:
            words = _resting_words(claim, standing, resting_until)
            return self._failed(claim, words, (resting_until - now).total_seconds(), reason=words)
        is_anonymous = name == credentials.name_of(claim.instance, None)
        progress = Progress(dict(claim.cursor), standing.budget, is_anonymous, held.validators(name))
        trouble: ProviderError | None = None
        try:
            self._read(claim, held, progress, name, others)
        except ProviderError as error:
            trouble = error
        held.note_credential(name, progress.budget, trouble)
        if trouble is not None:
            log.warning("poll failed", source=f"{claim.instance}:{claim.scope}", error=str(trouble))
        if trouble is not None and not progress.is_listed:
            reason = str(trouble) if isinstance(trouble, RateLimited) else None
            return self._failed(claim, str(trouble), self._wait_after(claim, trouble), reason=reason)
        rhythm = self._pace(progress, others, self._wanted_seconds(claim, progress))
        wait = rhythm.interval_seconds
        if trouble is not None:
            wait = max(wait, self._wait_after(claim, trouble))
        _log_polled(claim, progress, wait)
        return Outcome(
            is_complete=True,
            wait_seconds=wait,
            interval_seconds=rhythm.interval_seconds,
            cursor=progress.cursor,
            credential=name,
            interval_reason=rhythm.reason,
        )

    def _read(self, claim: Claim, held: HeldSource, progress: Progress, credential: str, others: Demand) -> None:
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
            known = held_builds(self._engine, claim.instance_id)
            collector = kind(settings, claim.scope, client, held=known, validators=progress.validators)
            describe(collector, progress)
            list_builds(claim, collector, held, progress)
            look_for_reruns(collector, held, progress)
            progress.note_cost()
            held.note_credential(credential, progress.budget, None)
            wanted = progress.cursor.get("wanted", self._floor_seconds)
            self._look_closer(claim, held, progress, collector, self._pace(progress, others, wanted).follow_ups)

    def _look_closer(
        self, claim: Claim, held: HeldSource, progress: Progress, collector: BaseCollector[Any], allowance: float
    ) -> None:
        """Spend what the budget allows beyond the list; what is not spent is saved for a poll that needs more."""
        allowance = min(allowance + progress.cursor.get("saved", 0), 2 * allowance + MOST_SAVED)
        spent_before = progress.spent
        ends_at = spent_before + allowance
        turn = progress.cursor["turn"] % SWEEP_EVERY

        def left() -> int:
            return int(ends_at - progress.spent)

        if turn == SWEEP_TURN and allowance >= 1:
            self._sweep(claim, held, progress, collector)
        if turn == PAST_TURN:  # or a source with always more to follow up would never get to its past
            self._collect_past(claim, held, progress, collector, left)
        doubted = Doubted(self._engine, held, claim.source_id)
        doubted.were_read([*progress.seen, *progress.unchanged])
        troubles = 0
        for follow_up in self._follow_ups(claim, progress, math.ceil(allowance)):
            if progress.spent + follow_up.requests > ends_at or troubles == MOST_TROUBLES:
                break
            troubles += not _follow(collector, held, progress, doubted, follow_up)
        if progress.recorded.changed or turn == SWEEP_TURN:
            compare_broken(self._engine, held, claim.source_id, collector, left)
        if turn != PAST_TURN:
            self._collect_past(claim, held, progress, collector, left)
        progress.has_more = progress.has_more and allowance > 0
        progress.cursor["saved"] = max(0, min(MOST_SAVED, allowance - (progress.spent - spent_before)))

    def _collect_past(
        self,
        claim: Claim,
        held: HeldSource,
        progress: Progress,
        collector: BaseCollector[Any],
        left: Callable[[], int],
    ) -> None:
        past = collect_past(self._engine, held, claim.source_id, collector, left)
        progress.recorded += past.recorded
        progress.has_more = past.is_open

    def _sweep(self, claim: Claim, held: HeldSource, progress: Progress, collector: BaseCollector[Any]) -> None:
        """One page of the last 30 days, round and round: the guarantee that a re-run of an old build is seen.

        Builds from before the baseline that we never held stay the past: collecting them is a backfill's work.
        """
        page, place = collector.sweep(progress.cursor.get("sweep", 0), utc_now() - SWEPT)
        progress.cursor["sweep"] = place
        with Session(self._engine) as session:
            known = known_builds(session, claim.source_id, [build.external_id for build in page.observations])
        baseline_at = claim.baseline_at or utc_now()
        wanted = [build for build in page.observations if build.external_id in known or build.queued_at >= baseline_at]
        progress.recorded += held.record_page(Page(observations=tuple(wanted)), Via.SWEEP)
        progress.validators.settle()

    def _follow_ups(self, claim: Claim, progress: Progress, most: int) -> list[FollowUp]:
        with Session(self._engine) as session:
            return follow_ups(
                session,
                claim.source_id,
                seen=[*progress.seen, *progress.unchanged],
                turn=progress.cursor["turn"],
                now=utc_now(),
                most=most,
            )

    def _standing(self, claim: Claim, name: str) -> tuple[credentials.Standing, Demand]:
        """How the credential stands, and what the other sources want of it."""
        with Session(self._engine) as session:
            standing = credentials.standing(session, name)
            return standing, demand_of_others(session, claim.instance_id, claim.source_id)

    def lane(self, instance: str) -> str | None:
        """The credential that an installation wants asked one request at a time; None where many may ask at once."""
        settings = self._providers[instance]
        if not self._collectors[settings.kind].is_serial:
            return None
        try:
            return self._credential(instance)
        except SecretUnavailable:
            return None  # nothing will be asked; the poll says so on the source

    def _credential(self, instance: str) -> str:
        return credential_name(instance, self._providers[instance])

    def _wanted_seconds(self, claim: Claim, progress: Progress) -> float:
        """The interval that the source's own life asks for; kept in the cursor, for the others to reckon with."""
        now, cursor = utc_now(), progress.cursor
        if progress.recorded.transitions:
            cursor["changed_at"] = (now if claim.baseline_at else progress.newest_change(now)).isoformat()
        changed_at = progress.instant("changed_at")
        with Session(self._engine) as session:
            running = is_running(session, claim.source_id, now)
            if progress.is_old("usual_at", now):
                cursor |= {"usual": usual_slots(session, claim.source_id, now), "usual_at": now.isoformat()}
        cursor["wanted"] = wanted_seconds(
            is_running=running or progress.has_more,
            is_usual_time=is_usual(cursor["usual"], now),
            quiet_for=None if changed_at is None else now - changed_at,
            floor_seconds=self._floor_seconds,
        )
        return float(cursor["wanted"])

    def _pace(self, progress: Progress, others: Demand, wanted: float) -> Pace:
        return pace(
            progress.budget,
            utc_now(),
            wanted=wanted,
            cost=progress.cursor.get("cost", 1.0),
            others=others,
            floor_seconds=self._floor_seconds,
        )

    def _wait_after(self, claim: Claim, trouble: ProviderError) -> float:
        """Never sooner than the provider said, and longer with each repetition."""
        repeated = after_failure(claim.failures + 1, self._floor_seconds)
        if isinstance(trouble, RateLimited):
            return max(repeated, (trouble.retry_at - utc_now()).total_seconds())
        return REFUSED_SECONDS if isinstance(trouble, Unauthorized) else repeated

    def _failed(
        self,
        claim: Claim,
        error: str,
        wait_seconds: float | None = None,
        *,
        reason: str | None = None,
        kind: ErrorKind | None = None,
    ) -> Outcome:
        wait = after_failure(claim.failures + 1, self._floor_seconds) if wait_seconds is None else wait_seconds
        return Outcome(
            is_complete=False,
            error=error,
            wait_seconds=wait,
            interval_seconds=self._floor_seconds,
            interval_reason=reason,
            kind=kind,
        )


def _resting_words(claim: Claim, standing: credentials.Standing, until: datetime) -> str:
    reason = "refused this credential" if standing.is_rejected else "limits its requests"
    return f"{claim.instance} {reason}; asked again after {until:%H:%M:%S} UTC"


def _follow(
    collector: BaseCollector[Any], held: HeldSource, progress: Progress, doubted: Doubted, follow_up: FollowUp
) -> bool:
    """Read one build by id; False when the provider could not answer for it, which does not stop the others.

    One that it no longer shows, or shows as nonsense, is noted and left alone for a while.
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
        held.count(error)
        return False
    progress.recorded += held.record_page(Page(observations=builds))
    if follow_up.want is Want.OPEN and builds:
        doubted.were_read([follow_up.external_id])
    if follow_up.want is Want.ATTEMPT and builds and not builds[-1].is_finished:
        held.put_aside(follow_up.want, follow_up.name, f"superseded as {builds[-1].raw_status}, so it will not finish")
    return True


def _observed(collector: BaseCollector[Any], progress: Progress, follow_up: FollowUp) -> tuple[Observation, ...]:
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


def _log_polled(claim: Claim, progress: Progress, interval_seconds: float) -> None:
    log.info(
        "polled",
        source=f"{claim.instance}:{claim.scope}",
        builds=len(progress.seen),
        changed=progress.recorded.changed,
        transitions=progress.recorded.transitions,
        requests_left=None if progress.budget is None else progress.budget.remaining,
        next_in_seconds=round(interval_seconds),
    )
