"""What truly happens on the simulated Jenkins: every build told from (seed, job, slot), its future included. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import sha1
from random import Random
from urllib.parse import unquote

from simulator import corpus
from simulator.history import Person
from simulator.jenkins.estate import FOLDERS, PLANS, Fate, Kind, Plan
from simulator.profiles import Profile

CORRUPTED_AFTER = timedelta(minutes=5)
FORGETS_ITEMS_AFTER = timedelta(minutes=5)
KEPT_BUILDS = 200
"""How many builds of a job the controller keeps before it discards old ones."""

_RESULTS = {
    Fate.FAILS: "FAILURE",
    Fate.WORSENS: "FAILURE",
    Fate.UNSTABLE: "UNSTABLE",
    Fate.ABORTED: "ABORTED",
    Fate.TIMES_OUT: "ABORTED",
    Fate.NOT_BUILT: "NOT_BUILT",
    Fate.NO_RESULT: None,
}
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_JUMP = 4000


class Standing(StrEnum):
    """How a build truly stands."""

    WAITING = "waiting"
    LEFT_QUEUE = "left_queue"
    RUNNING = "running"
    PAUSED = "paused"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a Pipeline build; one that never begins is not there."""

    id: str
    name: str
    begins_at: datetime
    ends_at: datetime
    word: str


@dataclass(frozen=True, slots=True)
class Build:
    """One build with everything that will ever happen to it; instants have the grain of a millisecond."""

    plan: Plan
    slot: int
    queue_id: int
    number: int
    queued_at: datetime
    started_at: datetime
    finished_at: datetime
    fate: Fate
    stages: tuple[Stage, ...]
    paused: tuple[datetime, datetime] | None
    person: Person
    sha: str
    title: str
    estimated: timedelta
    is_corrupted_later: bool

    @property
    def result(self) -> str | None:
        """What it says in the end."""
        return _RESULTS.get(self.fate, "SUCCESS")

    @property
    def millis(self) -> int:
        """Its `timestamp`: when it left the queue."""
        return millis(self.started_at)

    @property
    def duration(self) -> int:
        """Its `duration` in the end."""
        return millis(self.finished_at) - self.millis

    @property
    def has_number(self) -> bool:
        """Whether it ever leaves the queue as a build."""
        return self.fate is not Fate.LEAVES_QUEUE

    def standing(self, now: datetime) -> Standing:
        """How it stands at `now`, which is not before it was queued."""
        if now < self.started_at:
            return Standing.WAITING
        if not self.has_number:
            return Standing.LEFT_QUEUE
        if now >= self.finished_at:
            return Standing.OVER
        is_paused = self.paused is not None and self.paused[0] <= now < self.paused[1]
        return Standing.PAUSED if is_paused else Standing.RUNNING

    def result_at(self, now: datetime) -> str | None:
        """`result` as it reads at `now`; it may be set, and get worse, while the build still runs."""
        if now >= self.finished_at:
            return self.result
        half = self.started_at + (self.finished_at - self.started_at) / 2
        return "UNSTABLE" if self.fate is Fate.WORSENS and now >= half else None

    def is_corrupt(self, now: datetime) -> bool:
        """Whether its record has been damaged by now."""
        return self.is_corrupted_later and now >= self.finished_at + CORRUPTED_AFTER


class Controller:
    """All the builds of all jobs, for one seed, profile and epoch; slot k of a job is one build."""

    def __init__(
        self,
        seed: int,
        profile: Profile,
        epoch: datetime,
        plans: Sequence[Plan] = PLANS,
        folders: Mapping[str, Kind] = FOLDERS,
    ) -> None:
        self.plans = tuple(plans)
        self.folders = folders
        self.by_name = {plan.full_name: (index, plan) for index, plan in enumerate(self.plans)}
        self._seed, self._profile = seed, profile
        self._begins_at = profile.begins(epoch.astimezone(UTC).replace(microsecond=0))
        self._slots = None if profile.slots is None else max(3, profile.slots * 3 // len(PLANS))
        scale = 2.5 if self._slots is None or profile.slots is None else profile.slots / self._slots
        self._spacing = timedelta(seconds=max(profile.spacing_seconds[0] * scale, 0.1))
        longest = max(3, *(len(plan.stages) for plan in plans)) * profile.pace.job[1] + profile.pace.rerun_after[1]
        self._recreation = timedelta(seconds=longest + profile.pace.queue[1] + 30)
        self._tell = lru_cache(maxsize=20_000)(self._told)

    @property
    def ends_at(self) -> datetime | None:
        """When the last build of a bounded world is over."""
        if self._slots is None:
            return None
        return max(self._tell(index, self._slots - 1).finished_at for index in range(len(self.plans)))

    def builds(self, plan: Plan, now: datetime) -> Iterator[Build]:
        """Everything of a job that was queued by `now` and not forgotten, newest first, numbered or not."""
        index, _ = self.by_name[plan.full_name]
        for slot in range(self._newest(now), -1, -1):
            build = self._tell(index, slot)
            if self._profile.kept is not None and build.finished_at < now - self._profile.kept:
                return
            if build.queued_at <= now:
                yield build

    def numbered(self, plan: Plan, now: datetime) -> list[Build]:
        """The builds that have a number and are still there, newest first."""
        kept = [build for build in self.builds(plan, now) if build.has_number and build.started_at <= now]
        return [build for build in kept if not self.is_deleted(build, now)][:KEPT_BUILDS]

    def waiting(self, now: datetime) -> list[Build]:
        """The queue: what waits for a number."""
        every = (build for plan in self.plans for build in self.waiting_for(plan, now))
        return sorted(every, key=lambda build: -build.queue_id)

    def waiting_for(self, plan: Plan, now: datetime) -> list[Build]:
        """What waits for a number of this job, newest first."""
        return [build for build in self.builds(plan, now) if now < build.started_at]

    def branch_of(self, plan: Plan) -> str | None:
        """The branch a job of a multibranch project builds."""
        folder, _, name = plan.full_name.rpartition("/")
        return unquote(name) if self.folders.get(folder) is Kind.MULTIBRANCH else None

    def pipeline_of(self, plan: Plan) -> str:
        """The job, or the multibranch project it is a branch of."""
        return plan.full_name if self.branch_of(plan) is None else plan.full_name.rpartition("/")[0]

    def queue_item(self, queue_id: int, now: datetime) -> Build | None:
        """An item of the queue, until five minutes after it left it."""
        slot, index = divmod(queue_id - 1000, len(self.plans))
        if not 0 <= slot <= self._newest(now):
            return None
        build = self._tell(index, slot)
        return build if build.queued_at <= now < build.started_at + FORGETS_ITEMS_AFTER else None

    def is_deleted(self, build: Build, now: datetime) -> bool:
        """Whether the job this build belonged to has been deleted, and made anew, by `now`."""
        again = build.plan.recreated_from
        if again is None or build.slot >= again:
            return False
        first = self._tell(self.by_name[build.plan.full_name][0], again)
        return now >= first.queued_at - timedelta(seconds=5)

    def _newest(self, now: datetime) -> int:
        ahead = timedelta(seconds=self._profile.pace.queue[1])
        newest = int((now + ahead - self._begins_at) / self._spacing)
        return newest if self._slots is None else min(newest, self._slots - 1)

    def _told(self, index: int, slot: int) -> Build:
        plan, pace = self.plans[index], self._profile.pace
        rng = Random(f"{self._seed}:{self._profile.name}:jenkins:{index}:{slot}")  # noqa: S311 - seeded on purpose
        fate = self._fate(plan, slot, rng)
        started_at = self._begins_at + self._spacing * (slot + 0.9 * rng.random())
        if plan.recreated_from is not None and slot >= plan.recreated_from:
            started_at += self._recreation
        started_at = _rounded(started_at)
        queued_at = started_at - timedelta(seconds=rng.randint(*pace.queue), milliseconds=rng.randint(1, 999))
        stages, paused = ((), None) if fate is Fate.LEAVES_QUEUE else self._stages(plan, fate, started_at, rng)
        single = started_at + timedelta(seconds=rng.randint(*pace.job), milliseconds=rng.randint(1, 999))
        return Build(
            plan=plan,
            slot=slot,
            queue_id=1000 + slot * len(self.plans) + index,
            number=_number(plan, slot),
            queued_at=max(queued_at, self._begins_at),
            started_at=started_at,
            finished_at=started_at if fate is Fate.LEAVES_QUEUE else stages[-1].ends_at if stages else single,
            fate=fate,
            stages=stages,
            paused=paused,
            person=rng.choice(corpus.PEOPLE),
            sha=sha1(rng.randbytes(20), usedforsecurity=False).hexdigest(),
            title=rng.choice(corpus.TITLES),
            estimated=timedelta(seconds=max(3, len(plan.stages)) * sum(pace.job) / 2),
            is_corrupted_later=plan.corrupt_each is not None and slot % plan.corrupt_each == 1,
        )

    def _fate(self, plan: Plan, slot: int, rng: Random) -> Fate:
        """Each of a job's fates in turn in the even slots, the mixture in the odd ones."""
        fates = list(plan.fates)
        if slot % 2 == 0:
            return fates[slot // 2 % len(fates)]
        return rng.choices(fates, list(plan.fates.values()))[0]

    def _stages(
        self, plan: Plan, fate: Fate, at: datetime, rng: Random
    ) -> tuple[tuple[Stage, ...], tuple[datetime, datetime] | None]:
        """The stages that take place: what breaks off leaves the later ones out."""
        words = {Fate.FAILS: "FAILED", Fate.WORSENS: "FAILED", Fate.ABORTED: "ABORTED", Fate.TIMES_OUT: "ABORTED"}
        told: list[Stage] = []
        paused = None
        for place, name in enumerate(plan.stages):
            length = timedelta(seconds=rng.randint(*self._profile.pace.job), milliseconds=rng.randint(0, 999))
            if fate is Fate.PAUSED and place == len(plan.stages) - 2:
                paused = (at, at + length + timedelta(seconds=rng.randint(*self._profile.pace.rerun_after)))
                length = paused[1] - at
            is_end = place >= 1 and (fate in words or fate is Fate.NOT_BUILT)
            word = words.get(fate, "NOT_EXECUTED") if is_end else "SUCCESS"
            word = "UNSTABLE" if fate is Fate.UNSTABLE and place == len(plan.stages) - 1 else word
            told.append(Stage(str(6 + 7 * place), name, at, at + length, word))
            at += length
            if is_end:
                break
        return tuple(told), paused


def millis(instant: datetime) -> int:
    """An instant as Jenkins writes it."""
    return round((instant - _UNIX) / timedelta(milliseconds=1))


def _rounded(instant: datetime) -> datetime:
    return _UNIX + timedelta(milliseconds=millis(instant))


def _number(plan: Plan, slot: int) -> int:
    """Numbers begin anew with a job made anew, and leap where somebody set the next one."""
    if plan.recreated_from is not None and slot >= plan.recreated_from:
        return slot - plan.recreated_from + 1
    jump = _JUMP if plan.jumps_from is not None and slot >= plan.jumps_from else 0
    return slot + 1 + jump
