"""What truly happened on the fake GitLab: projects, pipelines and jobs, and how each stands at an instant.

A job's life is written in full, its future included; how its pipeline stands follows from them by GitLab's own rule.
All instants are aware UTC with milliseconds. Words are GitLab's: no other dialect tells these stories.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from simulator.history import Commit, Person

LAG = timedelta(milliseconds=240)
"""From a change of a job until the pipeline has noticed."""

ENDED = frozenset({"success", "failed", "canceled"})
FINISHED = ENDED | {"skipped"}


@dataclass(frozen=True, slots=True)
class Project:
    """A project; `paths` are (since, full path), oldest first, so that a rename is part of its history."""

    index: int
    id: int
    paths: tuple[tuple[datetime, str], ...]
    is_private: bool = False
    has_ci: bool = True
    default_branch: str = "main"

    def path_at(self, now: datetime) -> str:
        """What it is called at `now`."""
        return next((path for since, path in reversed(self.paths) if since <= now), self.paths[0][1])


@dataclass(frozen=True, slots=True)
class Phase:
    """From `at` on, and until the next phase, the job or pipeline is in the state GitLab calls `word`."""

    at: datetime
    word: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job or bridge; `attempt` is the truth about which run of its pipeline made it go on its way."""

    id: int
    name: str
    stage: str
    phases: tuple[Phase, ...]
    attempt: int = 1
    is_failure_allowed: bool = False
    failure_reason: str = "script_failure"
    runner: int = 1
    downstream: int | None = None

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        return self.phases[0].at

    def word_at(self, now: datetime) -> str:
        """How it stands at `now`."""
        return word_at(self.phases, now)

    def last(self, word: str, now: datetime) -> datetime | None:
        """When it last came into a state by `now`."""
        return next((phase.at for phase in reversed(self.phases) if phase.word == word and phase.at <= now), None)

    def started_at(self, now: datetime) -> datetime | None:
        """When it began to run, if it has by `now`."""
        return self.last("running", now)

    def finished_at(self, now: datetime) -> datetime | None:
        """When it ended, if it has by `now`; what is skipped never ended."""
        past = [phase.at for phase in self.phases if phase.word in ENDED and phase.at <= now]
        return past[-1] if past and self.word_at(now) in ENDED else None


@dataclass(frozen=True)
class Pipeline:
    """One pipeline with all the jobs it will ever have; `openings` is when its second and later attempts began.

    One without jobs has `fixed` phases: its configuration could not be read.
    """

    id: int
    iid: int
    project: Project
    source: str
    ref: str
    title: str
    commit: Commit
    user: Person
    created_at: datetime
    jobs: tuple[Job, ...]
    openings: tuple[datetime, ...] = ()
    fixed: tuple[Phase, ...] = ()
    yaml_errors: str | None = None
    parent: "tuple[int, int] | None" = None

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """How it stood from when on."""
        if self.fixed:
            return self.fixed
        found = [Phase(self.created_at, "created")]
        for at in sorted({phase.at + LAG for job in self.jobs for phase in job.phases}):
            word = composed(self.shown(at), at)
            if word != found[-1].word:
                found.append(Phase(at, word))
        return tuple(found)

    def existing(self, now: datetime) -> tuple[Job, ...]:
        """Every job made by `now`, retried ones included."""
        return tuple(job for job in self.jobs if job.created_at <= now)

    def shown(self, now: datetime) -> tuple[Job, ...]:
        """The jobs that are not retried: of each name the newest."""
        newest = {job.name: job for job in sorted(self.existing(now), key=lambda job: job.id)}
        return tuple(newest.values())

    def phase_at(self, now: datetime) -> Phase:
        """How it stands at `now`; the phase's beginning is its last change."""
        return next((phase for phase in reversed(self.phases) if phase.at <= now), self.phases[0])

    def started_at(self, now: datetime) -> datetime | None:
        """When it first ran."""
        return next((phase.at for phase in self.phases if phase.word == "running" and phase.at <= now), None)

    def finished_at(self, now: datetime) -> datetime | None:
        """When it last ended; a pipeline that is open again keeps the past end, as GitLab does."""
        return next((phase.at for phase in reversed(self.phases) if phase.word in ENDED and phase.at <= now), None)

    def duration(self, now: datetime) -> int | None:
        """Seconds during which any shown job ran, as of its last end."""
        ended_at = self.finished_at(now)
        if ended_at is None or self.started_at(now) is None:
            return None
        return round(union(self.shown(ended_at), ended_at))


def word_at(phases: Sequence[Phase], now: datetime) -> str:
    """The word of the last phase that began by `now`, the first one before that."""
    return next((phase.word for phase in reversed(phases) if phase.at <= now), phases[0].word)


def union(jobs: Iterable[Job], now: datetime) -> float:
    """Seconds during which any of the jobs ran."""
    spans = sorted((job.started_at(now), job.finished_at(now) or now) for job in jobs if job.started_at(now))
    total, reached = 0.0, None
    for start, end in spans:
        if start is None:
            continue
        begin = start if reached is None else max(start, reached)
        total += max(0.0, (end - begin).total_seconds())
        reached = end if reached is None else max(end, reached)
    return total


def composed(jobs: Iterable[Job], now: datetime) -> str:
    """How a pipeline with these jobs stands: GitLab's composite status, with its order of precedence."""
    words = {_counted(job, now) for job in jobs}
    for only, result in _ONLY:
        if words <= only:
            return result
    return next((result for word, result in _ANY if word in words), "failed")


_PASSED = frozenset({"success", "skipped", "warned", "ignored"})
_ONLY = (
    (frozenset({"skipped", "ignored"}), "skipped"),
    (_PASSED, "success"),
    (frozenset({"created", "warned", "ignored"}), "created"),
    (_PASSED | {"canceled"}, "canceled"),
    (frozenset({"pending", "created", "skipped", "warned", "ignored"}), "pending"),
)
_ANY = (
    ("running", "running"),
    ("pending", "running"),
    ("waiting_for_resource", "waiting_for_resource"),
    ("manual", "manual"),
    ("scheduled", "scheduled"),
    ("preparing", "preparing"),
    ("created", "running"),
)


def _counted(job: Job, now: datetime) -> str:
    word = job.word_at(now)
    if job.is_failure_allowed and word in {"failed", "canceled"}:
        return "warned"
    return "ignored" if job.is_failure_allowed and word == "manual" else word
