"""Where a drill takes place: a seeded world, a database, the processes, whoever watches, and what was found."""

import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from shared.clock import utc_now
from shared.database import make_engine
from simulator import Simulator
from tests.chaos import oracle, variants
from tests.chaos.drill import Drill, World
from tests.chaos.proxy import Proxy
from tests.chaos.servers import OwnServer
from tests.chaos.stack import GITHUB, Follower, Plan, Stack, Tailer, wait_until
from tests.chaos.variants import Variant
from tests.conftest import Databases

CANARY = "ghp_canaryThatMayNeverShow{:08d}"
BUDGET = 1_000_000
START_SECONDS = 60.0


@dataclass(kw_only=True)
class Scene:
    """One run of one drill, as its course sees it.

    `breaches` are promises that did not hold, in words; `figures` what was measured. `database` leads past any relay.
    """

    drill: Drill
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
    breaches: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def expect(self, is_so: bool, otherwise: str) -> None:
        """Note a breach of promise unless it is so."""
        if not is_so:
            self.breaches.append(otherwise)

    def nap(self, shortest: float, longest: float) -> None:
        """Wait for a seeded while."""
        time.sleep(self.dice.uniform(shortest, longest))

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

    def truth(self) -> oracle.Outcome:
        """How everything watched ends."""
        return oracle.truth(self.simulator, watched_ids(self.simulator))

    def is_settled(self) -> bool:
        """Whether everything true is known, nothing contradicts it, and every reader of the log stands at its end."""
        if oracle.outcome(self.database) != self.truth():
            return False
        at = oracle.head(self.database)
        readers = [self.tailer.seen] + ([self.follower.seen] if self.follower else [])
        return all(seen and seen[-1] >= at for seen in readers) and not oracle.violations(self.database)


def watched_ids(simulator: Simulator) -> tuple[int, ...]:
    """All repositories but the private last one."""
    return tuple(repository.id for repository in simulator.world.repositories[:-1])


def a_world(world: World, seed: int, tokens: tuple[str, ...]) -> Simulator:
    """The simulator of a drill; some of its past lies behind it when it starts."""
    now = utc_now()
    return Simulator(
        seed=seed,
        profile="drill",
        now=now,
        epoch=now - timedelta(seconds=world.past_seconds),
        runs=world.runs,
        seconds=world.seconds,
        tokens=dict.fromkeys(tokens, BUDGET),
    )


def github(simulator: Simulator, token_file: Path, drill: Drill) -> str:
    """The provider's section."""
    return GITHUB.format(
        url=simulator.url,
        token_file=token_file,
        page_size=drill.page_size,
        watch=json.dumps(simulator.repositories[:-1]),
        more=drill.config,
    )


@contextmanager
def a_scene(drill: Drill, seed: int, databases: Databases, variant: Variant | None = None) -> Iterator[Scene]:
    """Everything a drill needs, started; ended again whatever happens."""
    tokens = (CANARY.format(seed), CANARY.format(seed + 1))
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="drill-")))
        token_file = folder / "token"
        token_file.write_text(tokens[0])
        simulator = ending.enter_context(a_world(drill.world, seed, tokens))
        server = ending.enter_context(OwnServer()) if drill.has_server else None
        url = server.url if server else ending.enter_context(_clone(databases))
        engine = make_engine(url, application="oracle", pool_size=4)
        ending.callback(engine.dispose)
        if variant is not None:
            variants.prepare(engine, variant)
        has_proxy = drill.is_proxied or drill.is_listening_proxied
        proxy = ending.enter_context(Proxy(url)) if has_proxy else None
        plan = Plan(
            providers=github(simulator, token_file, drill),
            schedulers=drill.schedulers,
            has_api=drill.has_api,
            speed=drill.speed,
            level="info",
            direct_url=proxy.url if proxy and drill.is_listening_proxied else None,
            variant=variant,
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
            dice=random.Random(seed),
            simulator=simulator,
            tokens=tokens,
            token_file=token_file,
            database=engine,
            database_url=url,
            stack=stack,
            tailer=tailer,
            follower=follower,
            server=server,
            proxy=proxy,
            databases=databases,
        )


def has_begun(scene: Scene) -> Callable[[], bool]:
    """Whether every source was read once and the stream is followed."""

    def begun() -> bool:
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
