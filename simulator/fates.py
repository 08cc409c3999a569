"""The stories a run can have: from a fate and a pace to attempts with phases and jobs, drawn by a seeded generator."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from simulator.history import Attempt, Job, Person, Phase, State, Workflow

Span = tuple[int, int]

JOBS_A_RUN = 1000
JOBS_AN_ATTEMPT = 16


class Fate(StrEnum):
    """What becomes of a run."""

    PASSES = "passes"
    FAILS = "fails"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    TIMES_OUT = "times_out"
    NEVER_STARTS = "never_starts"
    NEEDS_APPROVAL = "needs_approval"
    NEUTRAL = "neutral"
    GOES_STALE = "goes_stale"
    RERUN_PASSES = "rerun_passes"
    RERUN_FAILS = "rerun_fails"
    RERUN_THRICE = "rerun_thrice"
    LATE_RERUN_PASSES = "late_rerun_passes"
    LATE_RERUN_FAILS = "late_rerun_fails"
    GATED = "gated"
    QUEUED_AGAIN = "queued_again"
    TOUCHED_LATER = "touched_later"
    STUCK_QUEUED = "stuck_queued"
    STUCK_RUNNING = "stuck_running"


NEVER_END = frozenset({Fate.STUCK_QUEUED, Fate.STUCK_RUNNING})
LATE = frozenset({Fate.LATE_RERUN_PASSES, Fate.LATE_RERUN_FAILS})


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, each as (least, most) seconds."""

    queue: Span
    job: Span
    settle: Span  # from the last job's end until the run says so
    rerun_after: Span
    late_rerun_after: Span
    stale_after: Span


@dataclass(frozen=True, slots=True)
class Teller:
    """Everything one run's story is told from."""

    rng: Random
    pace: Pace
    run_id: int
    created_at: datetime
    workflow: Workflow
    people: tuple[Person, ...]
    starter: Person

    def seconds(self, span: Span) -> timedelta:
        """A duration drawn from a span."""
        return timedelta(seconds=self.rng.randint(*span))

    def job_id(self, attempt: int, index: int) -> int:
        """Job ids are computed from run, attempt and position, so that a job is found without an index."""
        return self.run_id * JOBS_A_RUN + attempt * JOBS_AN_ATTEMPT + index

    def job(self, attempt: int, index: int, name: str, created_at: datetime, verdict: State) -> Job:
        """A job that waits, runs and ends; a skipped one ends where it began."""
        started_at = created_at + (timedelta() if verdict is State.SKIPPED else self.seconds(self.pace.queue))
        length = timedelta() if verdict is State.SKIPPED else self.seconds(self.pace.job)
        runner = self.rng.randint(1, 40)
        return Job(self.job_id(attempt, index), name, created_at, started_at, started_at + length, verdict, runner)


def tell(teller: Teller, fate: Fate) -> tuple[Attempt, ...]:
    """All the attempts a run of this fate will ever have."""
    return _TALES[fate](teller)


def _played(teller: Teller, number: int, at: datetime, verdict: State, starter: Person | None = None) -> Attempt:
    """An attempt whose first jobs run beside each other and whose last jobs follow when all of them passed."""
    first = _first_jobs(teller, number, at, verdict)
    jobs = first + _last_jobs(teller, number, first)
    return _attempt(teller, number, at, jobs=jobs, verdict=verdict, starter=starter)


def _first_jobs(teller: Teller, number: int, at: datetime, verdict: State) -> tuple[Job, ...]:
    names = teller.workflow.first_jobs
    culprit = teller.rng.randrange(len(names))
    verdicts = [verdict if index == culprit else State.PASSED for index in range(len(names))]
    return tuple(
        teller.job(number, index, name, at, each)
        for index, (name, each) in enumerate(zip(names, verdicts, strict=True))
    )


def _last_jobs(teller: Teller, number: int, first: tuple[Job, ...]) -> tuple[Job, ...]:
    ready_at = _last_end(first)
    is_clear = all(job.verdict is State.PASSED for job in first)
    return tuple(
        teller.job(number, len(first) + index, name, ready_at, State.PASSED if is_clear else State.SKIPPED)
        for index, name in enumerate(teller.workflow.last_jobs)
    )


def _attempt(
    teller: Teller, number: int, at: datetime, *, jobs: tuple[Job, ...], verdict: State, starter: Person | None
) -> Attempt:
    own = [job.started_at for job in jobs if job.started_at is not None and job.created_at >= at]
    phases = (
        Phase(at, State.QUEUED),
        Phase(min(own, default=at), State.RUNNING),
        Phase(_last_end(jobs) + teller.seconds(teller.pace.settle), verdict),
    )
    return Attempt(number, at, _run_started_at(teller, number, at), starter or teller.starter, phases, jobs)


def _run_started_at(teller: Teller, number: int, at: datetime) -> datetime:
    # On a re-run the attempt's own created_at may be a moment later than run_started_at.
    return at if number == 1 else at - timedelta(seconds=teller.rng.randint(0, 1))


def _last_end(jobs: tuple[Job, ...]) -> datetime:
    return max(job.finished_at for job in jobs if job.finished_at is not None)


def _closed_at_once(teller: Teller, verdict: State, after: timedelta = timedelta(seconds=1)) -> Attempt:
    """An attempt without jobs that ends as soon as somebody looks at it."""
    at = teller.created_at
    phases = (Phase(at, State.QUEUED), Phase(at + after, verdict))
    return Attempt(1, at, at, teller.starter, phases, ())


def _simple(verdict: State) -> Callable[[Teller], tuple[Attempt, ...]]:
    return lambda teller: (_played(teller, 1, teller.created_at, verdict),)


def _at_once(verdict: State) -> Callable[[Teller], tuple[Attempt, ...]]:
    return lambda teller: (_closed_at_once(teller, verdict),)


def _cancelled(teller: Teller) -> tuple[Attempt, ...]:
    """Cancelled half-way: what runs is cut short, what has not begun never does."""
    whole = _played(teller, 1, teller.created_at, State.PASSED)
    begun_at, ended_at = whole.phases[1].at, whole.final.at
    cut_at = begun_at + timedelta(seconds=int((ended_at - begun_at).total_seconds() / 2))
    jobs = tuple(_cut(job, cut_at) for job in whole.jobs if job.created_at <= cut_at)
    phases = (*whole.phases[:2], Phase(cut_at + teller.seconds(teller.pace.settle), State.CANCELLED))
    return (replace(whole, jobs=jobs, phases=phases),)


def _cut(job: Job, at: datetime) -> Job:
    if job.finished_at is not None and job.finished_at <= at:
        return job
    started_at = min(job.started_at or at, at)
    return replace(job, started_at=started_at, finished_at=at, verdict=State.CANCELLED)


def _skipped(teller: Teller) -> tuple[Attempt, ...]:
    at = teller.created_at
    names = teller.workflow.first_jobs + teller.workflow.last_jobs
    jobs = tuple(teller.job(1, index, name, at, State.SKIPPED) for index, name in enumerate(names))
    # GitHub stamps skipped jobs a second apart in either direction: an end before the start is normal there.
    jobs = tuple(replace(job, started_at=at + timedelta(seconds=1), finished_at=at) for job in jobs)
    return (Attempt(1, at, at, teller.starter, (Phase(at, State.QUEUED), Phase(at, State.SKIPPED)), jobs),)


def _approved(teller: Teller) -> tuple[Attempt, ...]:
    first = _closed_at_once(teller, State.NEEDS_APPROVAL, timedelta())
    return (first, _next(teller, first, State.PASSED, teller.pace.rerun_after))


def _stale(teller: Teller) -> tuple[Attempt, ...]:
    return (_closed_at_once(teller, State.STALE, teller.seconds(teller.pace.stale_after)),)


def _rerun(*verdicts: State, is_late: bool = False) -> Callable[[Teller], tuple[Attempt, ...]]:
    """A failure, then one attempt a verdict, each started by somebody when the one before was over."""

    def story(teller: Teller) -> tuple[Attempt, ...]:
        attempts = [_played(teller, 1, teller.created_at, State.FAILED)]
        for verdict in verdicts:
            span = teller.pace.late_rerun_after if is_late else teller.pace.rerun_after
            attempts.append(_next(teller, attempts[-1], verdict, span))
        return tuple(attempts)

    return story


def _next(teller: Teller, before: Attempt, verdict: State, span: Span) -> Attempt:
    """The next attempt: of everything, or (half of the time) of the failed jobs only."""
    at = before.final.at + teller.seconds(span)
    starter = teller.rng.choice(teller.people)
    whole = _played(teller, before.number + 1, at, verdict, starter)
    passed = {job.name: job for job in before.jobs if job.verdict is State.PASSED}
    failed = [job for job in whole.jobs if job.verdict not in {State.PASSED, State.SKIPPED}]
    if not passed or any(job.name in passed for job in failed) or teller.rng.random() < 0.5:
        return whole
    jobs = tuple(_carried(job, passed.get(job.name)) for job in whole.jobs)
    return _attempt(teller, whole.number, at, jobs=jobs, verdict=verdict, starter=starter)


def _carried(job: Job, earlier: Job | None) -> Job:
    """A job left untouched by "re-run failed jobs" keeps its old times under a new id."""
    if earlier is None:
        return job
    return replace(earlier, id=job.id)


def _gated(teller: Teller) -> tuple[Attempt, ...]:
    """Waits for a person, then runs: its jobs are created before the gate opens."""
    asked_at = teller.created_at
    opened_at = asked_at + teller.seconds(teller.pace.rerun_after)
    played = _played(teller, 1, opened_at, State.PASSED)
    jobs = tuple(replace(job, created_at=min(job.created_at, asked_at)) for job in played.jobs)
    phases = (Phase(asked_at, State.REQUESTED), Phase(asked_at, State.GATED), *played.phases)
    return (replace(played, created_at=asked_at, run_started_at=asked_at, phases=phases, jobs=jobs),)


def _queued_again(teller: Teller) -> tuple[Attempt, ...]:
    """A run follows its least advanced job, so it may fall from running back to queued."""
    played = _played(teller, 1, teller.created_at, State.PASSED)
    queued, running, done = played.phases
    middle = running.at + (done.at - running.at) / 2
    back_at = middle.replace(microsecond=0)
    phases = (queued, running, Phase(back_at, State.QUEUED), Phase(back_at + timedelta(seconds=1), State.RUNNING), done)
    return (replace(played, phases=phases),)


def _touched_later(teller: Teller) -> tuple[Attempt, ...]:
    """Long after its end something (a deleted log, an annotation) moves its last change."""
    played = _played(teller, 1, teller.created_at, State.PASSED)
    touched = Phase(played.final.at + teller.seconds(teller.pace.late_rerun_after), State.PASSED)
    return (replace(played, phases=(*played.phases, touched)),)


def _stuck_queued(teller: Teller) -> tuple[Attempt, ...]:
    at = teller.created_at
    return (Attempt(1, at, at, teller.starter, (Phase(at, State.QUEUED),), ()),)


def _stuck_running(teller: Teller) -> tuple[Attempt, ...]:
    """All jobs end well and the run never notices."""
    played = _played(teller, 1, teller.created_at, State.PASSED)
    return (replace(played, phases=played.phases[:2]),)


_TALES: dict[Fate, Callable[[Teller], tuple[Attempt, ...]]] = {
    Fate.PASSES: _simple(State.PASSED),
    Fate.FAILS: _simple(State.FAILED),
    Fate.CANCELLED: _cancelled,
    Fate.SKIPPED: _skipped,
    Fate.TIMES_OUT: _simple(State.TIMED_OUT),
    Fate.NEVER_STARTS: _at_once(State.NOT_STARTABLE),
    Fate.NEEDS_APPROVAL: _approved,
    Fate.NEUTRAL: _simple(State.NEUTRAL),
    Fate.GOES_STALE: _stale,
    Fate.RERUN_PASSES: _rerun(State.PASSED),
    Fate.RERUN_FAILS: _rerun(State.FAILED),
    Fate.RERUN_THRICE: _rerun(State.FAILED, State.FAILED, State.PASSED),
    Fate.LATE_RERUN_PASSES: _rerun(State.PASSED, is_late=True),
    Fate.LATE_RERUN_FAILS: _rerun(State.FAILED, is_late=True),
    Fate.GATED: _gated,
    Fate.QUEUED_AGAIN: _queued_again,
    Fate.TOUCHED_LATER: _touched_later,
    Fate.STUCK_QUEUED: _stuck_queued,
    Fate.STUCK_RUNNING: _stuck_running,
}
