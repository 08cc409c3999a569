"""The kinds of world there are: how often runs are created, how long they take, and what becomes of each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from simulator.fates import LATE, NEVER_END, Fate, Pace

CI, DEPLOY, NIGHTLY, BROKEN = 0, 1, 2, 3


class Place(StrEnum):
    """Where a run happens."""

    MAIN = "main"
    FEATURE = "feature"
    PULL_REQUEST = "pull_request"
    FORK = "fork"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Role:
    """What one run is cast as."""

    fate: Fate
    place: Place
    workflow: int
    is_hostile: bool = False


Cast = Callable[[int, int, Random], Role]
"""(repository index, slot, generator) -> role."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of world. Each repository creates one run a slot; `slots` None means for ever.

    `spacing_seconds` is the length of a slot, one value a repository; `begins` gives the instant of slot 0 from the
    world's epoch; `kept` is how long runs exist before the provider forgets them (None: for ever), which bounds the
    memory of an endless world.
    """

    name: str
    pace: Pace
    cast: Cast
    spacing_seconds: tuple[float, ...]
    begins: Callable[[datetime], datetime]
    slots: int | None
    kept: timedelta | None = None
    logs_live: timedelta = timedelta(days=90)
    anonymous_limit: int = 60
    token_limit: int = 5000


_WEIGHTS: dict[Fate, int] = {
    Fate.PASSES: 50,
    Fate.FAILS: 12,
    Fate.CANCELLED: 5,
    Fate.SKIPPED: 3,
    Fate.RERUN_PASSES: 8,
    Fate.RERUN_FAILS: 4,
    Fate.TIMES_OUT: 2,
    Fate.QUEUED_AGAIN: 3,
    Fate.NEEDS_APPROVAL: 2,
    Fate.RERUN_THRICE: 1,
}
_LATE_WEIGHTS: dict[Fate, int] = {
    Fate.LATE_RERUN_PASSES: 5,
    Fate.LATE_RERUN_FAILS: 3,
    Fate.TOUCHED_LATER: 2,
    Fate.GATED: 2,
    Fate.NEUTRAL: 2,
    Fate.GOES_STALE: 1,
    Fate.STUCK_QUEUED: 1,
    Fate.STUCK_RUNNING: 1,
}
_PLACES: dict[Place, int] = {
    Place.MAIN: 40,
    Place.FEATURE: 25,
    Place.PULL_REQUEST: 20,
    Place.FORK: 5,
    Place.SCHEDULE: 10,
}
_WORKFLOW_COUNTS = (4, 3, 2)


def _draw_place(rng: Random, fate: Fate) -> Place:
    if fate is Fate.NEEDS_APPROVAL:
        return Place.FORK
    return rng.choices(list(_PLACES), list(_PLACES.values()))[0]


def _draw_workflow(repository: int, rng: Random, fate: Fate) -> int:
    if repository == 0 and fate is Fate.NEVER_STARTS:
        return BROKEN
    # The broken workflow of repository 0 never starts, so nothing else is cast into it.
    return rng.randrange(3 if repository == 0 else _WORKFLOW_COUNTS[repository])


def _role(repository: int, rng: Random, fate: Fate) -> Role:
    return Role(fate, _draw_place(rng, fate), _draw_workflow(repository, rng, fate), rng.random() < 0.1)


def _cast_varied(repository: int, slot: int, rng: Random) -> Role:
    """Every fate in turn in the even slots, the usual mixture in the odd ones."""
    fates = list(Fate)
    weights = _WEIGHTS | _LATE_WEIGHTS
    fate = fates[slot // 2 % len(fates)] if slot % 2 == 0 else rng.choices(list(weights), list(weights.values()))[0]
    return _role(repository, rng, fate)


def _cast_drill(repository: int, slot: int, rng: Random) -> Role:
    """Everything that ends soon: every fate in turn in each third slot, each repository beginning with another one."""
    fates = [fate for fate in Fate if fate not in NEVER_END | LATE | {Fate.TOUCHED_LATER, Fate.GOES_STALE}]
    turn = slot // 3 + repository * 5
    fate = fates[turn % len(fates)] if slot % 3 == 0 else rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    return _role(repository, rng, fate)


def _cast_hostile(repository: int, _slot: int, rng: Random) -> Role:
    """Nothing but passes and failures, each with a branch or a title that tries something."""
    fate = rng.choice((Fate.FAILS, Fate.PASSES))
    return replace(_role(repository, rng, fate), place=rng.choice((Place.MAIN, Place.FEATURE)), is_hostile=True)


def _cast_demo(repository: int, slot: int, rng: Random) -> Role:
    """The first repository's CI breaks on its default branch and is fixed again once a minute; the rest is drawn."""
    if repository == 0 and slot % 10 == 0:
        return Role(Fate.FAILS, Place.MAIN, CI)
    if repository == 0 and slot % 10 == 5:
        return Role(Fate.PASSES, Place.MAIN, CI)
    fate = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    role = _role(repository, rng, fate)
    is_in_the_way = repository == 0 and role.workflow == CI and role.place in {Place.MAIN, Place.SCHEDULE}
    return Role(fate, Place.FEATURE, role.workflow, role.is_hostile) if is_in_the_way else role


def _monday(epoch: datetime) -> datetime:
    midnight = epoch.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=midnight.weekday())


def _varied() -> Profile:
    """Five weeks of past, two days of future: every story a run can have, re-runs of runs weeks old among them."""
    pace = Pace((2, 120), (20, 900), (0, 8), (60, 1800), (86_400, 29 * 86_400), (3600, 86_400))
    spacing = 2 * 3600
    return Profile(
        name="varied",
        pace=pace,
        cast=_cast_varied,
        spacing_seconds=(spacing, spacing, spacing),
        begins=lambda epoch: epoch - timedelta(days=35),
        slots=37 * 12,
        logs_live=timedelta(days=20),
    )


def _drill(runs: int, seconds: float) -> Profile:
    """So many runs, created within so many seconds from the epoch; all of them end soon afterwards."""
    each = -(-runs // 3)
    spacing = seconds / each
    return Profile(
        name="drill",
        pace=Pace((0, 2), (1, 6), (0, 2), (1, 6), (1, 6), (1, 6)),
        cast=_cast_drill,
        spacing_seconds=(spacing, spacing, spacing),
        begins=lambda epoch: epoch,
        slots=each,
        anonymous_limit=1_000_000,
        token_limit=1_000_000,
    )


def _hostile(runs: int, seconds: float) -> Profile:
    """A drill in which every other run fails, on branches and with titles made to be more than text."""
    return replace(_drill(runs, seconds), name="hostile", cast=_cast_hostile)


def _demo() -> Profile:
    """For ever: builds come in, run, fail, pass and re-run within seconds, and the last half hour is there at once."""
    return Profile(
        name="demo",
        pace=Pace((1, 3), (3, 9), (0, 1), (4, 15), (60, 300), (30, 60)),
        cast=_cast_demo,
        spacing_seconds=(6, 14, 20),
        begins=_monday,
        slots=None,
        kept=timedelta(minutes=30),
        anonymous_limit=100_000,
        token_limit=100_000,
    )


PROFILES = ("varied", "drill", "hostile", "demo")


def make_profile(name: str, *, runs: int = 300, seconds: float = 60.0) -> Profile:
    """The profile called `name`; `runs` and `seconds` shape a drill and a hostile one.

    Raises:
        ValueError: there is no such profile.
    """
    if name == "varied":
        return _varied()
    if name == "drill":
        return _drill(runs, seconds)
    if name == "hostile":
        return _hostile(runs, seconds)
    if name == "demo":
        return _demo()
    raise ValueError(f"no profile is called {name!r}; there are {', '.join(PROFILES)}")
