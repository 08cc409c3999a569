"""A world: the histories of some repositories, each run computed from (seed, repository, slot) when it is asked for."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from hashlib import sha1
from random import Random

from simulator import corpus
from simulator.fates import JOBS_A_RUN, Teller, tell
from simulator.history import Attempt, Commit, Job, Person, Repository, Run, Workflow
from simulator.profiles import Place, Profile, Role

REMEMBERED_RUNS = 20_000
REMEMBERED_OF_AN_ENDLESS_WORLD = 2_000
REPOSITORY_STRIDE = 16
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)


class World:
    """Everything that happened and will happen, for one seed, profile and epoch.

    Slot k of a repository is one run, created within the k-th stretch of `spacing` seconds; ids are computed from
    repository and slot, so nothing needs an index and an endless world costs no memory.
    """

    def __init__(self, seed: int, profile: Profile, epoch: datetime) -> None:
        self.seed = seed
        self.profile = profile
        self.epoch = epoch.astimezone(UTC).replace(microsecond=0)
        self.begins_at = profile.begins(self.epoch)
        self.repositories = tuple(self._repository(index) for index in range(len(corpus.REPOSITORIES)))
        # Run ids of two worlds that begin at different times differ, and all exceed 32 bits.
        self._first_id = int((self.begins_at - _UNIX).total_seconds()) * 10
        remembered = REMEMBERED_RUNS if profile.kept is None else REMEMBERED_OF_AN_ENDLESS_WORLD
        self._tell = lru_cache(maxsize=remembered)(self._tell_run)

    def slots(self, repository: Repository, now: datetime) -> Sequence[int]:
        """The slots whose runs exist at `now`, newest first; a repository of an estate has none."""
        if repository.index < 0:
            return ()
        spacing = self.profile.spacing_seconds[repository.index]
        newest = int((now - self.begins_at).total_seconds() // spacing)
        if self.profile.slots is not None:
            newest = min(newest, self.profile.slots - 1)
        while newest >= 0 and self._created_at(repository.index, newest) > now:
            newest -= 1
        oldest = 0
        if self.profile.kept is not None:
            oldest = max(0, int((now - self.profile.kept - self.begins_at).total_seconds() // spacing))
        return range(newest, oldest - 1, -1)

    def run_in(self, repository: Repository, slot: int) -> Run:
        """The run of a slot, its future included."""
        return self._tell(repository.index, slot)

    def run(self, run_id: int, now: datetime) -> Run | None:
        """The run with this id, if it exists at `now`."""
        slot, index = divmod(run_id - self._first_id, REPOSITORY_STRIDE)
        if slot < 0 or index >= len(self.repositories):
            return None
        repository = self.repositories[index]
        return self._tell(index, slot) if slot in self.slots(repository, now) else None

    def job(self, job_id: int, now: datetime) -> tuple[Run, Attempt, Job] | None:
        """The job with this id, its attempt and run, if it exists at `now`."""
        run = self.run(job_id // JOBS_A_RUN, now)
        for attempt in run.attempts if run is not None else ():
            for job in attempt.jobs:
                if run is not None and job.id == job_id and attempt.created_at <= now and job.created_at <= now:
                    return run, attempt, job
        return None

    @cached_property
    def ends_at(self) -> datetime | None:
        """When the last change of a bounded world happens; None if it never ends."""
        if self.profile.slots is None:
            return None
        return max(
            phase.at
            for repository in self.repositories
            for slot in range(self.profile.slots)
            for attempt in self.run_in(repository, slot).attempts
            for phase in attempt.phases
        )

    def _rng(self, *subject: object) -> Random:
        subjects = (self.seed, self.profile.name, *subject)
        return Random(":".join(map(str, subjects)))  # noqa: S311 - a seeded generator is the point, not a weakness

    def _created_at(self, index: int, slot: int) -> datetime:
        spacing = self.profile.spacing_seconds[index]
        offset = (slot + self._rng(index, slot, "when").random() * 0.9) * spacing
        return self.begins_at + timedelta(seconds=int(offset))

    def _repository(self, index: int) -> Repository:
        names, is_private, workflows = corpus.REPOSITORIES[index]
        repository_id = 700_000_000 + index * 1000 + self.seed % 1000
        since = (self.begins_at, self.epoch - timedelta(minutes=1))
        created_at = self.begins_at - timedelta(days=400)
        return Repository(
            index=index,
            id=repository_id,
            owner=corpus.OWNER,
            owner_id=corpus.OWNER_ID,
            names=tuple(zip(since, names, strict=False)),
            workflows=tuple(_workflow(repository_id, number, plan) for number, plan in enumerate(workflows)),
            created_at=created_at,
            is_private=is_private,
        )

    def _tell_run(self, index: int, slot: int) -> Run:
        rng = self._rng(index, slot)
        role = self.profile.cast(index, slot, rng)
        repository = self.repositories[index]
        workflow = repository.workflows[role.workflow]
        actor = rng.choice(corpus.PEOPLE)
        created_at = self._created_at(index, slot)
        run_id = self._first_id + slot * REPOSITORY_STRIDE + index
        teller = Teller(rng, self.profile.pace, run_id, created_at, workflow, corpus.PEOPLE, actor)
        attempts = tell(teller, role.fate)
        title = rng.choice(corpus.HOSTILE_TITLES if role.is_hostile else corpus.TITLES)
        is_pull = role.place in {Place.PULL_REQUEST, Place.FORK}
        return Run(
            id=run_id,
            repository=repository,
            workflow=workflow,
            # Numbers rise within a workflow, as they do; they have gaps, because other workflows share the slots.
            number=slot + 1,
            event=_event(role),
            branch=_branch(role, rng, repository),
            title=workflow.name if role.place is Place.SCHEDULE else title,
            commit=_commit(rng, title, actor, created_at),
            actor=actor,
            attempts=attempts,
            pull_number=100 + slot % 900 if is_pull else None,
            fork_owner=actor if role.place is Place.FORK else None,
            is_fork_deleted=role.place is Place.FORK and rng.random() < 0.3,
        )


def _workflow(repository_id: int, number: int, plan: corpus.WorkflowPlan) -> Workflow:
    name, file, first_jobs, last_jobs = plan
    path = f".github/workflows/{file}"
    return Workflow(90_000_000 + repository_id % 100_000 * 10 + number, name or path, path, first_jobs, last_jobs)


def _event(role: Role) -> str:
    if role.place in {Place.PULL_REQUEST, Place.FORK}:
        return "pull_request"
    return "schedule" if role.place is Place.SCHEDULE else "push"


def _branch(role: Role, rng: Random, repository: Repository) -> str:
    if role.place in {Place.MAIN, Place.SCHEDULE}:
        return repository.default_branch
    return rng.choice(corpus.HOSTILE_BRANCHES if role.is_hostile else corpus.FEATURE_BRANCHES)


def _commit(rng: Random, title: str, author: Person, at: datetime) -> Commit:
    sha = sha1(rng.randbytes(20), usedforsecurity=False).hexdigest()
    tree = sha1(sha.encode(), usedforsecurity=False).hexdigest()
    body = "\n\nThe longer story, in a second paragraph." if rng.random() < 0.3 else ""
    return Commit(sha, tree, title + body, author, at - timedelta(seconds=rng.randint(2, 60)))
