"""The fake GitLab's world: the pipelines of some projects, each computed from (seed, project, slot) when asked for."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha1
from random import Random

from simulator import corpus
from simulator.gitlab.history import Job, Phase, Pipeline, Project
from simulator.gitlab.tales import JOBS_A_PIPELINE, LATE, Tale, Teller, tell
from simulator.history import Commit
from simulator.profiles import Profile

PIPELINES_A_SLOT = 16
SLOTS_STRIDE = 8
REMEMBERED = 4_000
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)

# (paths from oldest to newest, is private, has CI)
_PROJECTS: tuple[tuple[tuple[str, ...], bool, bool], ...] = (
    (("lumen/checkout",), False, True),
    (("lumen/web/storefront-web", "lumen/web/storefront"), False, True),
    (("lumen/platform/ledger",), True, True),
    (("lumen/handbook",), False, False),
)
_WITH_CI = 3
_DOWNSTREAM_OF = {0: 2, 1: 2, 2: 0}

_WEIGHTS: dict[Tale, int] = {
    Tale.PASSES: 40,
    Tale.FAILS: 10,
    Tale.PASSES_WITH_WARNINGS: 6,
    Tale.CANCELED: 4,
    Tale.RETRIED_PASSES: 10,
    Tale.RETRIED_FAILS: 4,
    Tale.PLAYED: 4,
    Tale.PLAYED_LATER: 4,
    Tale.AUTO_RETRIED: 4,
    Tale.PARENT: 5,
    Tale.UPSTREAM: 3,
    Tale.WAITS_FOR_A_PERSON: 2,
    Tale.DELAYED: 2,
    Tale.CONFIG_ERROR: 1,
}


class GitLabWorld:
    """Everything that happened and will happen, for one seed, profile and epoch.

    Slot k of a project is one pipeline, created within the k-th stretch of `spacing` seconds, and what it starts.
    """

    def __init__(self, seed: int, profile: Profile, epoch: datetime) -> None:
        self.seed = seed
        self.profile = profile
        self.epoch = epoch.astimezone(UTC).replace(microsecond=0)
        self.begins_at = profile.begins(self.epoch)
        self.projects = tuple(self._project(index) for index in range(len(_PROJECTS)))
        self._first_id = int((self.begins_at - _UNIX).total_seconds()) * 10
        self._tell = lru_cache(maxsize=REMEMBERED)(self._tell_slot)

    def pipelines(self, project: Project, now: datetime) -> Iterator[Pipeline]:
        """The pipelines that a project has at `now`, those that others started in it included."""
        for index in range(_WITH_CI):
            if index == project.index or _DOWNSTREAM_OF[index] == project.index:
                for slot in self._slots(index, now):
                    for pipeline in self._tell(index, slot):
                        if pipeline.project.id == project.id and pipeline.created_at <= now:
                            yield pipeline

    def pipeline(self, pipeline_id: int, now: datetime) -> Pipeline | None:
        """The pipeline with this id, if it exists at `now`."""
        slot, place = divmod(pipeline_id - self._first_id, PIPELINES_A_SLOT * SLOTS_STRIDE)
        index = place // PIPELINES_A_SLOT
        if slot < 0 or index >= _WITH_CI or slot not in self._slots(index, now):
            return None
        found = (each for each in self._tell(index, slot) if each.id == pipeline_id and each.created_at <= now)
        return next(found, None)

    def job(self, job_id: int, now: datetime) -> tuple[Pipeline, Job] | None:
        """The job with this id and its pipeline, if it exists at `now`."""
        pipeline = self.pipeline(job_id // JOBS_A_PIPELINE, now)
        jobs = pipeline.existing(now) if pipeline is not None else ()
        return next(((pipeline, job) for job in jobs if pipeline is not None and job.id == job_id), None)

    @property
    def ends_at(self) -> datetime | None:
        """When the last change of a bounded world happens; None if it never ends."""
        if self.profile.slots is None:
            return None
        return max(
            pipeline.phases[-1].at
            for index in range(_WITH_CI)
            for slot in range(self.profile.slots)
            for pipeline in self._tell(index, slot)
        )

    def _slots(self, index: int, now: datetime) -> range:
        spacing = self.profile.spacing_seconds[index]
        newest = int((now - self.begins_at).total_seconds() // spacing)
        if self.profile.slots is not None:
            newest = min(newest, self.profile.slots - 1)
        oldest = 0
        if self.profile.kept is not None:
            oldest = max(0, int((now - self.profile.kept - self.begins_at).total_seconds() // spacing))
        return range(oldest, newest + 1)

    def _rng(self, *subject: object) -> Random:
        subjects = ("gitlab", self.seed, self.profile.name, *subject)
        return Random(":".join(map(str, subjects)))  # noqa: S311 - a seeded generator is the point, not a weakness

    def _project(self, index: int) -> Project:
        paths, is_private, has_ci = _PROJECTS[index]
        since = (self.begins_at - timedelta(days=400), self.epoch - timedelta(minutes=1))
        number = 41_000 + index * 100 + self.seed % 100
        return Project(index, number, tuple(zip(since, paths, strict=False)), is_private, has_ci)

    def _cast(self, index: int, slot: int, rng: Random) -> Tale:
        """Every tale in turn in each second slot (in a demo each third), the usual mixture in the others."""
        is_endless = self.profile.slots is None
        tales = [tale for tale in Tale if self.profile.name == "varied" or tale not in LATE]
        every = 3 if is_endless else 2
        if slot % every == 0:
            return tales[(slot // every + index * 7) % len(tales)]
        return rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]

    def _tell_slot(self, index: int, slot: int) -> tuple[Pipeline, ...]:
        """The pipeline of a slot, and the child or downstream pipeline it starts, if any."""
        rng = self._rng(index, slot)
        tale = self._cast(index, slot, rng)
        spacing = self.profile.spacing_seconds[index]
        offset = (slot + rng.random() * 0.9) * spacing
        created_at = self.begins_at + timedelta(milliseconds=int(offset * 1000))
        pipeline_id = self._first_id + (slot * SLOTS_STRIDE + index) * PIPELINES_A_SLOT
        teller = Teller(rng, self.profile.pace, pipeline_id, created_at)
        told = tell(teller, tale)
        first = self._pipeline(rng, self.projects[index], (pipeline_id, slot * 2 + 1), created_at)
        first = replace(first, jobs=told.jobs, openings=told.openings)
        if tale is Tale.CONFIG_ERROR:
            mistake = "jobs:unit config should contain at least one visible job"
            first = replace(first, fixed=(Phase(created_at, "failed"),), yaml_errors=mistake)
        if told.starts_downstream_at is None:
            return (first,)
        return (first, self._started(first, tale, told.starts_downstream_at, rng))

    def _started(self, first: Pipeline, tale: Tale, at: datetime, rng: Random) -> Pipeline:
        """A child of the same project on the same commit, or a pipeline of another project."""
        is_child = tale is Tale.PARENT
        project = first.project if is_child else self.projects[_DOWNSTREAM_OF[first.project.index]]
        number = first.iid + 1 if is_child else 1_000_000 + first.iid
        started = self._pipeline(rng, project, (first.id + 1, number), at)
        what = Tale.FAILS if rng.random() < 0.3 else Tale.RETRIED_PASSES if rng.random() < 0.3 else Tale.PASSES
        told = tell(Teller(rng, self.profile.pace, first.id + 1, at), what)
        source = "parent_pipeline" if is_child else "pipeline"
        started = replace(
            started,
            jobs=told.jobs,
            openings=told.openings,
            source=source,
            user=first.user,
            parent=(first.project.id, first.id),
        )
        return replace(started, ref=first.ref, commit=first.commit, title=first.title) if is_child else started

    def _pipeline(self, rng: Random, project: Project, ids: tuple[int, int], created_at: datetime) -> Pipeline:
        number, iid = ids
        is_hostile = rng.random() < 0.1
        title = rng.choice(corpus.HOSTILE_TITLES if is_hostile else corpus.TITLES)
        user = rng.choice(corpus.PEOPLE)
        branch = rng.choice(corpus.HOSTILE_BRANCHES if is_hostile else corpus.FEATURE_BRANCHES)
        is_merge_request = rng.random() < 0.2
        ref = f"refs/merge-requests/{iid}/head" if is_merge_request else branch
        on_main = rng.random() < 0.5
        sha = sha1(rng.randbytes(20), usedforsecurity=False).hexdigest()
        return Pipeline(
            id=number,
            iid=iid,
            project=project,
            source="push" if on_main or not is_merge_request else "merge_request_event",
            ref=project.default_branch if on_main else ref,
            title=title,
            commit=Commit(sha, sha, title, user, created_at - timedelta(seconds=rng.randint(2, 60))),
            user=user,
            created_at=created_at,
            jobs=(),
        )
