"""Where a drill takes place: a seeded world, a database, the processes, whoever watches, and what was found."""

import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from shared.clock import utc_now
from shared.database import make_engine
from simulator import TOKEN, Simulator
from simulator.hooks import Manner, Target
from tests.chaos import alert_oracle, oracle, variants
from tests.chaos.drill import Drill, World
from tests.chaos.endpoints import Endpoints, endpoints
from tests.chaos.feed import Feed
from tests.chaos.names import Names
from tests.chaos.neighbours import Neighbours
from tests.chaos.proxy import Proxy
from tests.chaos.servers import OwnServer
from tests.chaos.stack import GITHUB, GITLAB, JENKINS, Follower, Plan, Stack, Tailer, wait_until
from tests.chaos.variants import Variant
from tests.conftest import Databases

CANARY = "ghp_canaryThatMayNeverShow{:08d}"
WEBHOOK_SECRET = "canary-of-the-webhooks-that-may-never-show"
BUDGET = 1_000_000
START_SECONDS = 120.0


@dataclass(kw_only=True)
class Scene:
    """One run of one drill, as its course sees it.

    `breaches` are promises that did not hold, in words; `figures` what was measured. `database` leads past any relay.
    """

    drill: Drill
    seed: int
    dice: random.Random
    simulator: Simulator
    tokens: tuple[str, str]
    token_file: Path
    database: Engine
    database_url: str
    stack: Stack
    tailer: Tailer
    follower: Follower | None
    server: OwnServer | None
    proxy: Proxy | None
    databases: Databases
    neighbours: Neighbours
    names: Names
    endpoints: Endpoints | None
    breaches: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def expect(self, is_so: bool, otherwise: str) -> None:
        """Note a breach of promise unless it is so."""
        if not is_so:
            self.breaches.append(otherwise)

    def nap(self, shortest: float, longest: float) -> None:
        """Wait for a seeded while."""
        time.sleep(self.dice.uniform(shortest, longest))

    def last(self, least: float, most: float, is_enough: Callable[[], bool]) -> None:
        """Let a fault last `least` seconds, and on a slow machine up to `most` until it has hit often enough."""
        time.sleep(least)
        wait_until(is_enough, seconds=most - least)

    def rows(self, statement: str, **given: object) -> list[Any]:
        """What a statement of the drill's own finds."""
        with self.database.connect() as connection:
            return list(connection.execute(text(statement), given).all())

    def execute(self, statement: str, **given: object) -> None:
        """A statement of the drill's own, committed."""
        with self.database.begin() as connection:
            connection.execute(text(statement), given)

    def said(self, event: str) -> list[Mapping[str, object]]:
        """Every line of the processes' logs about an event."""
        return [line for line in oracle.said(self.stack.logs) if line.get("event") == event]

    @contextmanager
    def fault(self, kind: str, **settings: object) -> Iterator[None]:
        """A fault of the provider that is over at the end of the block."""
        number = self.simulator.fault(kind, **settings)
        try:
            yield
        finally:
            self.simulator.faults.remove(number)

    def asked(self, path: str = "") -> int:
        """How many requests the provider has had so far (with this in their target)."""
        return sum(path in record.target for record in self.simulator.requests())

    def make_due(self) -> None:
        """What the page's button does: every source is due now."""
        self.execute("UPDATE sources SET next_poll_at = now(), requested_at = now()")

    def send_webhooks(self, **manner: Any) -> None:
        """Have the provider post what happens from now on to the API; `manner` says how badly that goes."""
        url = f"http://127.0.0.1:{self.stack.port}/webhooks/github/github.com"
        self.simulator.hooks.send_to({"github": Target(url, WEBHOOK_SECRET)}, Manner(**manner))

    @property
    def ends(self) -> Endpoints:
        """Where the messages go, in a drill that has alerts."""
        assert self.endpoints is not None
        return self.endpoints

    def feed(self) -> Feed:
        """A source of its own, for histories that the course tells."""
        return Feed(self.database)

    def is_told(self) -> bool:
        """Whether nothing is left to tell."""
        return alert_oracle.is_quiet(self.database)

    def truth(self) -> oracle.Outcome:
        """How everything watched ends; without what nobody could have seen, unless it was seen."""
        true = oracle.truth(self.simulator, watched_ids(self.simulator), self.drill.sites)
        hidden = oracle.never_shown(self.simulator) & true.keys()
        if hidden:
            hidden -= oracle.outcome(self.database).keys()
        return {attempt: status for attempt, status in true.items() if attempt not in hidden}

    def lost(self) -> dict[oracle.Identity, str]:
        """What is not recorded as it truly ended, each with how it is recorded."""
        stored = oracle.outcome(self.database)
        excused = {"unknown"} if self.drill.may_stay_unknown else set()
        return {
            attempt: stored.get(attempt, "nothing")
            for attempt, status in self.truth().items()
            if stored.get(attempt) not in {status, *excused}
        }

    def is_settled(self) -> bool:
        """Whether everything true is known, nothing contradicts it, and every reader of the log stands at its end."""
        if self.lost() or oracle.outcome(self.database).keys() != self.truth().keys():
            return False
        at = oracle.head(self.database)
        # The planner reads the log as well, and writes of incidents into it.
        if any(row.pos < at for row in self.rows("SELECT pos FROM cursors WHERE name = 'alerts'")):
            return False
        return self.is_read_to(at) and not oracle.violations(self.database)

    def is_read_to(self, at: int) -> bool:
        """Whether everybody who reads the log meanwhile has come to a position."""
        readers = [self.tailer.seen] + ([self.follower.seen] if self.follower else [])
        return all(seen and seen[-1] >= at for seen in readers)


def watched_ids(simulator: Simulator) -> tuple[int, ...]:
    """All repositories but the private last one."""
    return tuple(repository.id for repository in simulator.world.repositories[:-1])


def a_world(
    world: World, seed: int, tokens: tuple[str, ...], epoch: datetime | None = None, profile: str = "drill"
) -> Simulator:
    """The simulator of a drill; some of its past lies behind it when it starts. One epoch, one world."""
    now = utc_now()
    return Simulator(
        seed=seed,
        profile=profile,
        now=now,
        epoch=epoch or now - timedelta(seconds=world.past_seconds),
        runs=world.runs,
        seconds=world.seconds,
        tokens=dict.fromkeys(tokens, BUDGET),
    )


def sections(simulator: Simulator, folder: Path, token: str, drill: Drill) -> str:
    """The `[[providers]]` of a drill; all their secrets are files, so that they can be replaced."""
    files = {name: folder / name for name in ("token", "jenkins-token", "webhook-secret")}
    for name, secret in (("token", token), ("jenkins-token", TOKEN), ("webhook-secret", WEBHOOK_SECRET)):
        files[name].write_text(secret)
    repositories = simulator.world.repositories[:-1]
    if drill.has_old_names:
        names = [f"{each.owner}/{each.names[0][1]}" for each in repositories]
    else:
        names = list(simulator.repositories[:-1])
    hooks = f'webhook_secret_file = "{files["webhook-secret"]}"' if drill.has_webhooks else ""
    told = GITHUB.format(
        url=simulator.url, token_file=files["token"], page_size=drill.page_size, watch=json.dumps(names), more=hooks
    )
    if "gitlab" in drill.sites:
        watch = json.dumps(simulator.gitlab_projects)
        told += GITLAB.format(url=simulator.gitlab_url, token_file=files["token"], watch=watch)
    if "jenkins" in drill.sites:
        told += JENKINS.format(
            url=simulator.jenkins_url, user=simulator.jenkins_user, token_file=files["jenkins-token"]
        )
    return told


@contextmanager
def a_scene(
    drill: Drill, seed: int, databases: Databases, variant: Variant | None = None, epoch: datetime | None = None
) -> Iterator[Scene]:
    """Everything a drill needs, started; ended again whatever happens. `epoch` makes its world another one's twin."""
    tokens = (CANARY.format(seed), CANARY.format(seed + 1))
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="drill-")))
        simulator = ending.enter_context(a_world(drill.world, seed, tokens, epoch, drill.profile))
        server = ending.enter_context(OwnServer()) if drill.has_server else None
        url = server.url if server else ending.enter_context(_clone(databases))
        engine = make_engine(url, application="oracle", pool_size=4)
        ending.callback(engine.dispose)
        if variant is not None:
            variants.prepare(engine, variant)
        has_proxy = drill.is_proxied or drill.is_listening_proxied
        proxy = ending.enter_context(Proxy(url)) if has_proxy else None
        neighbours = drill.neighbourhood(ending) if drill.neighbourhood else Neighbours()
        names = Names(folder)
        names.lead(neighbours.names)
        ends = ending.enter_context(endpoints(drill.alerts, simulator, folder)) if drill.alerts else None
        plan = Plan(
            providers=sections(simulator, folder, tokens[0], drill) + neighbours.sections,
            alerts=ends.sections() if ends else "",
            floor_seconds=drill.floor_seconds,
            schedulers=drill.schedulers,
            has_api=drill.has_api,
            speed=drill.speed,
            level="info",
            direct_url=proxy.url if proxy and drill.is_listening_proxied else None,
            variant=variant,
            names=names if neighbours.names else None,
        )
        stack = Stack(folder, proxy.url if proxy and drill.is_proxied else url, plan)
        ending.callback(stack.stop)
        tailer = Tailer(url)
        ending.callback(tailer.stop)
        follower = Follower(stack.port) if drill.has_api else None
        if follower is not None:
            ending.callback(follower.stop)
        yield Scene(
            drill=drill,
            seed=seed,
            dice=random.Random(seed),
            simulator=simulator,
            tokens=tokens,
            token_file=folder / "token",
            database=engine,
            database_url=url,
            stack=stack,
            tailer=tailer,
            follower=follower,
            server=server,
            proxy=proxy,
            databases=databases,
            neighbours=neighbours,
            names=names,
            endpoints=ends,
        )


def has_begun(scene: Scene) -> Callable[[], bool]:
    """Whether every source was read once, the planner has found its place, and the stream is followed."""

    def begun() -> bool:
        # A planner's first look at the log is where its news begins.
        if scene.endpoints is not None and not scene.rows("SELECT 1 FROM cursors WHERE name = 'alerts'"):
            return False
        (row,) = scene.rows("""
            SELECT count(*) AS n, count(last_ok_at) AS ok
            FROM sources s JOIN instances i ON i.id = s.instance_id WHERE i.name = 'github.com'""")
        return row.n > 0 and row.n == row.ok and (scene.follower is None or scene.follower.seen != [])

    return begun


def await_begin(scene: Scene) -> None:
    """Wait until the stack stands; one that does not is a drill that says nothing."""
    if not wait_until(has_begun(scene), seconds=START_SECONDS, every=0.1):
        raise TimeoutError(f"the stack did not begin within {START_SECONDS:.0f} s: {last_words(scene.stack)}")


def last_words(stack: Stack) -> str:
    """How the newest log ends."""
    return " / ".join(stack.logs[-1].read_text(errors="replace").splitlines()[-3:]) if stack.logs else "no log"


@contextmanager
def _clone(databases: Databases) -> Iterator[str]:
    url = databases.clone()
    try:
        yield url
    finally:
        databases.drop(url)
