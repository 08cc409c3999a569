"""The simulated providers in a process of their own, and the scheduler's parts that poll them over loopback."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import orjson
import psutil
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from collectors import COLLECTORS
from collectors.github import GitHubSettings
from collectors.gitlab import GitLabSettings
from collectors.jenkins import JenkinsSettings
from collectors.poll import Poller
from shared import leases, sources
from shared.clock import utc_now
from shared.config.settings import Config, ProviderSettings, SchedulerSettings
from shared.secret import SecretSource

WORKERS = SchedulerSettings().workers
OVER_FOR = timedelta(hours=20)
"""How long ago the simulated builds began: all are over, and the first collection of a source looks back a day."""

_MOST_SOURCES = 100
_DUE = text("UPDATE sources SET next_poll_at = clock_timestamp() - interval '1 second'")
_ERRORS = text("SELECT scope || ': ' || last_error FROM sources WHERE last_error IS NOT NULL")


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulator's process and how its providers are reached."""

    process: psutil.Process
    told: dict[str, Any]

    def cpu_seconds(self) -> float:
        """What the process has used so far."""
        used = self.process.cpu_times()
        return float(used.user + used.system)


@contextmanager
def simulated(runs: int) -> Iterator[Simulated]:
    """A world whose clock stands still after `runs` runs a provider, all of them over for hours."""
    epoch = datetime.now(UTC) - OVER_FOR
    shape = {"profile": "drill", "runs": runs, "seconds": 3600, "speed": 0, "epoch": epoch, "now": datetime.now(UTC)}
    options = [word for name, value in shape.items() for word in (f"--{name}", str(value))]
    process = subprocess.Popen([sys.executable, "-m", "simulator", *options], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield Simulated(psutil.Process(process.pid), orjson.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.communicate(timeout=20)


def settings_of(told: dict[str, Any]) -> dict[str, ProviderSettings]:
    """Each provider's, by kind, with every source it has, from what a simulator said of itself; all else is default."""
    token = SecretSource(env="TOKEN", environ={"TOKEN": told["token"]})
    return {
        "github": GitHubSettings(
            kind="github", name="github", base_url=told["github"], watch=tuple(told["repositories"]), token=token
        ),
        "gitlab": GitLabSettings(
            kind="gitlab", name="gitlab", base_url=told["gitlab"], watch=tuple(told["gitlab_projects"]), token=token
        ),
        "jenkins": JenkinsSettings(
            kind="jenkins",
            name="jenkins",
            base_url=told["jenkins"],
            username=told["jenkins_user"],
            watch=("/",),
            token=token,
        ),
    }


class Watching:
    """What a scheduler has between its ticks: due sources are claimed and polled, as many at once as it would."""

    def __init__(self, engine: Engine, providers: Sequence[ProviderSettings]) -> None:
        self._engine = engine
        self._names = [provider.name for provider in providers]
        self._poller = Poller(engine, providers, COLLECTORS, (), floor_seconds=1)
        self._pool = ThreadPoolExecutor(WORKERS)
        with Session(engine) as session, session.begin():
            sources.sync(session, Config(providers=tuple(providers)), utc_now())

    def turn(self) -> int:
        """Poll every source once; returns how many there are. Raises RuntimeError when one of them failed."""
        with Session(self._engine) as session, session.begin():
            session.execute(_DUE)
            claims = leases.claim(session, "benchmarks", self._names, _MOST_SOURCES)
        list(self._pool.map(self._poller.poll, claims))
        with self._engine.connect() as connection:
            errors = connection.scalars(_ERRORS).all()
        if errors:
            raise RuntimeError("; ".join(errors))
        return len(claims)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
