"""What a drill is: a fault, the stack it hits, and the register of all of them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos.neighbours import Neighbours
from tests.chaos.processes import Speed

if TYPE_CHECKING:
    from tests.chaos.scene import Scene

Neighbourhood = Callable[[ExitStack], Neighbours]
"""Starts some more installations, for as long as the drill."""

Course = Callable[["Scene"], Iterator[None]]
"""Hurts and heals up to its `yield`; what stands behind it looks at what came of it, once everything has settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the simulated provider plays: so many runs within so many seconds, the first of them already past."""

    runs: int = 60
    seconds: float = 20.0
    past_seconds: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """Who is told of what breaks, and how soon.

    `receivers` are some of slack (an incoming webhook), bot, mail and hook. All of them are told `on` of every branch,
    unless `routes` says otherwise in the words of the file. `quiet_seconds`: so long it may take until everything is
    told.
    """

    receivers: tuple[str, ...] = ("slack", "bot", "mail", "hook")
    group_wait: float = 0.5
    group_interval: float = 1.0
    on: tuple[str, ...] = ("broke", "flapping", "fixed")
    routes: str | None = None
    quiet_seconds: float = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One fault of the list.

    `has_api` adds an API process and a follower of its stream; `has_server` gives the drill a Postgres of its own, to
    be killed; `is_proxied` puts a relay in front of the database, `is_listening_proxied` only in front of the
    connection that listens. `neighbourhood` are installations beside GitHub that are watched, and trouble;
    `sites` says which of the simulated ones are read. `may_stay_unknown`: a verdict may be recorded as `unknown`, since
    the provider itself gave it so. With `alerts` there are receivers, and what they took is judged too; `profile` is
    the kind of world.
    """

    fault: str
    title: str
    course: Course
    has_api: bool = False
    has_server: bool = False
    is_proxied: bool = False
    is_listening_proxied: bool = False
    schedulers: int = 2
    is_smoke: bool = False
    world: World = field(default_factory=World)
    speed: Speed = field(default_factory=Speed)
    page_size: int = 10
    floor_seconds: int = 1
    sites: tuple[str, ...] = ("github",)
    has_old_names: bool = False
    has_webhooks: bool = False
    may_stay_unknown: bool = False
    neighbourhood: Neighbourhood | None = None
    alerts: Alerts | None = None
    profile: str = "drill"


DRILLS: dict[str, Drill] = {}


def drill(fault: str, title: str, **settings: object) -> Callable[[Course], Course]:
    """Enter a course into the register as the drill of a fault."""

    def enter(course: Course) -> Course:
        if fault in DRILLS:
            raise ValueError(f"{fault} has a drill already")
        DRILLS[fault] = Drill(fault=fault, title=title, course=course, **settings)  # type: ignore[arg-type]
        return course

    return enter
