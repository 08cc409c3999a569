"""What truly happened: repositories, runs, attempts and jobs, and how each stands at an instant.

Pure, and in no provider's words. A history is written once, in full, its future included; asking for an instant only
reads it. All instants are aware UTC with a grain of a second, as providers give them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """How a run or a job truly stands; every provider's dialect has its own words for these."""

    REQUESTED = "requested"
    QUEUED = "queued"
    PENDING = "pending"
    GATED = "gated"  # waits for a person
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    TIMED_OUT = "timed_out"
    NOT_STARTABLE = "not_startable"  # its definition could not be read
    NEEDS_APPROVAL = "needs_approval"  # this attempt ended; an approval starts the next one
    NEUTRAL = "neutral"
    STALE = "stale"


OPEN = frozenset({State.REQUESTED, State.QUEUED, State.PENDING, State.GATED, State.RUNNING})


@dataclass(frozen=True, slots=True)
class Person:
    """Someone (or a bot) who pushes, opens, re-runs."""

    id: int
    login: str
    name: str
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Workflow:
    """A definition that runs; one whose file never parsed is named by its path."""

    id: int
    name: str
    path: str
    first_jobs: tuple[str, ...]
    last_jobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository; `names` are (since, name), oldest first, so that a rename is part of its history."""

    index: int
    id: int
    owner: str
    owner_id: int
    names: tuple[tuple[datetime, str], ...]
    workflows: tuple[Workflow, ...]
    created_at: datetime
    default_branch: str = "main"
    is_private: bool = False
    is_archived: bool = False

    def name_at(self, now: datetime) -> str:
        """What it is called at `now`."""
        return next((name for since, name in reversed(self.names) if since <= now), self.names[0][1])

    def full_name_at(self, now: datetime) -> str:
        """Owner and name, as addressed at `now`."""
        return f"{self.owner}/{self.name_at(now)}"


@dataclass(frozen=True, slots=True)
class Job:
    """One job of an attempt; `started_at` or `finished_at` None means that never happens."""

    id: int
    name: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    verdict: State
    runner: int


@dataclass(frozen=True, slots=True)
class Phase:
    """From `at` on, and until the next phase, the attempt is in `state`."""

    at: datetime
    state: State


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution of a run: its phases in order, its jobs, and who started it."""

    number: int
    created_at: datetime
    run_started_at: datetime
    starter: Person
    phases: tuple[Phase, ...]
    jobs: tuple[Job, ...]

    @property
    def final(self) -> Phase:
        """How it stands in the end; open states mean that it never ends."""
        return self.phases[-1]


@dataclass(frozen=True, slots=True)
class Commit:
    """What a run was run on."""

    sha: str
    tree: str
    message: str
    author: Person
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One run with all the attempts it will ever have."""

    id: int
    repository: Repository
    workflow: Workflow
    number: int
    event: str
    branch: str
    title: str
    commit: Commit
    actor: Person
    attempts: tuple[Attempt, ...]
    pull_number: int | None = None
    fork_owner: Person | None = None
    is_fork_deleted: bool = False

    @property
    def created_at(self) -> datetime:
        """When the run was first created: the key by which lists are sorted."""
        return self.attempts[0].created_at


def attempts_at(run: Run, now: datetime) -> tuple[Attempt, ...]:
    """The attempts begun by `now`, oldest first; empty before the run exists."""
    return tuple(attempt for attempt in run.attempts if attempt.created_at <= now)


def phase_at(attempt: Attempt, now: datetime) -> Phase:
    """How an attempt stands at `now`; its first phase before it began."""
    return next((phase for phase in reversed(attempt.phases) if phase.at <= now), attempt.phases[0])


def state_at(run: Run, now: datetime) -> tuple[Attempt, Phase] | None:
    """The latest attempt begun by `now` and how it stands; None before the run exists."""
    begun = attempts_at(run, now)
    return (begun[-1], phase_at(begun[-1], now)) if begun else None


def jobs_at(attempt: Attempt, now: datetime) -> tuple[Job, ...]:
    """The jobs that exist by `now`: later stages appear when the earlier ones are done."""
    return tuple(job for job in attempt.jobs if job.created_at <= now)


def job_state_at(job: Job, now: datetime) -> State:
    """How an existing job stands at `now`."""
    if job.finished_at is not None and job.finished_at <= now:
        return job.verdict
    if job.started_at is not None and job.started_at <= now:
        return State.RUNNING
    return State.QUEUED


def finish_of(attempt: Attempt, now: datetime) -> datetime | None:
    """When an attempt that is over by `now` truly ended: its last job's end, else the moment it was closed."""
    phase = phase_at(attempt, now)
    if phase.state in OPEN:
        return None
    ends = [job.finished_at for job in attempt.jobs if job.finished_at is not None]
    return max(ends) if ends else first_closed_at(attempt)


def first_closed_at(attempt: Attempt) -> datetime:
    """The first instant at which a closed attempt was closed; later phases may only touch it again."""
    return next(phase.at for phase in attempt.phases if phase.state not in OPEN)
