"""What one poll of an idle Jenkins of 2,000 jobs in folders costs it: requests, and bytes of its answers."""

import base64
import gzip
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from benchmarks.figure import Figure
from benchmarks.loopback import Watching, settings_of
from shared.database import make_engine
from simulator import TOKEN, Simulator
from simulator.exchange import Request
from simulator.jenkins.builds import Controller
from simulator.jenkins.estate import Kind, Plan
from simulator.jenkins.service import USER
from simulator.profiles import make_profile

JOBS, FOLDERS = 2_000, 40
LEVELS = 2
MOST_MEGABYTES = 2
IDLE_FOR = timedelta(days=2)

_BEGIN_THERE = text("UPDATE sources SET cursor = jsonb_build_object('watermark', CAST(:watermark AS text))")


def run(url: str) -> list[Figure]:
    """Collect it once into the migrated database at `url`, then poll it again."""
    now = datetime.now(UTC)
    with _simulator(now) as simulator:
        settings = settings_of(simulator.urls())["jenkins"]
        engine = make_engine(url, application="bench", pool_size=4)
        try:
            with Watching(engine, [settings]) as watching:
                # Watched for longer than it has been idle: nothing is left to be read by id.
                _begin(engine, now - IDLE_FOR - timedelta(days=1))
                watching.turn()
                simulator.forget_requests()
                watching.turn()
            builds = _count(engine)
        finally:
            engine.dispose()
        return _figures(simulator, now, builds)


def _simulator(now: datetime) -> Simulator:
    """A controller of plain jobs whose last builds were over two days ago."""
    epoch = now - IDLE_FOR
    folders = {f"folder-{number:02}": Kind.FOLDER for number in range(FOLDERS)}
    plans = [Plan(f"folder-{n % FOLDERS:02}/a-job-with-a-name-{n:04}", Kind.FREESTYLE) for n in range(JOBS)]
    simulator = Simulator(profile="drill", runs=9, seconds=20, now=now, epoch=epoch, speed=0)
    simulator.jenkins.controller = Controller(7, make_profile("drill", runs=9, seconds=20), epoch, plans, folders)
    return simulator


def _begin(engine: Engine, watermark: datetime) -> None:
    with engine.begin() as connection:
        connection.execute(_BEGIN_THERE, {"watermark": watermark.isoformat()})


def _count(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM builds")).scalar_one())


def _figures(simulator: Simulator, now: datetime, builds: int) -> list[Figure]:
    """From the requests of the last poll; their answers are asked for again, because they are the same."""
    credential = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
    headers = {"authorization": f"Basic {credential}"}
    asked = [each.target for each in simulator.requests("jenkins")]
    bodies = [simulator.jenkins.answer(Request("GET", target, headers), now).body for target in asked]
    packed = sum(len(gzip.compress(body, compresslevel=1)) for body in bodies) / 1_000_000
    world = f"{JOBS:,} jobs in {FOLDERS} folders, {builds:,} builds"
    return [
        Figure(
            name="a poll of an idle Jenkins",
            value=len(asked),
            unit="requests",
            bound=LEVELS,
            compared=f"one a folder level is allowed, and there are {LEVELS}; {world}",
        ),
        Figure(
            name="a poll of an idle Jenkins, bytes",
            value=sum(map(len, bodies)) / 1_000_000,
            unit="MB",
            bound=MOST_MEGABYTES,
            compared=f"{packed:.2f} MB as gzip, which is how they travel",
        ),
    ]
