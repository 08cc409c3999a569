"""Real scheduler and API processes at test speed, one log file each; a known-bad variant, or names, go in only here."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from alerts import RECEIVERS, deliver, deliveries
from collectors import COLLECTORS, pace, scheduler
from shared import credentials, leases
from shared.config.settings import load
from tests.chaos import names as resolver
from tests.chaos import variants

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.chaos.processes"])  # a process then starts in a moment


@dataclass(frozen=True, slots=True)
class Speed:
    """How much faster than in life a drill's processes wait; nothing else about them differs."""

    lease_seconds: int = 8
    first_failure_seconds: float = 2.0
    longest_failure_seconds: float = 4.0
    standstill_seconds: float = 120.0
    message_lease_seconds: float = 12.0
    first_retry_seconds: float = 1.0
    longest_retry_seconds: float = 4.0


LIFE = Speed(
    leases.LEASE_SECONDS,
    pace.after_failure(1, 1.0),
    pace.after_failure(99, 1.0),
    message_lease_seconds=deliveries.LEASE.total_seconds(),
    first_retry_seconds=deliver.FIRST_WAIT_SECONDS,
    longest_retry_seconds=deliver.LONGEST_WAIT_SECONDS,
)
"""As the product is delivered."""


def preload() -> None:
    """Have the server that forks processes import everything first; it does so once, when it starts."""
    _FORKS.set_forkserver_preload(["tests.chaos.processes", "tests.chaos.pool"])


def start_scheduler(
    config_file: Path,
    environment: Mapping[str, str],
    log: Path,
    *,
    speed: Speed = LIFE,
    variant: variants.Variant | None = None,
    names: resolver.Names | None = None,
) -> ForkServerProcess:
    """Start `collectors.scheduler.run` on a configuration; `kill()` on the result is a SIGKILL."""
    given = (config_file, dict(environment), log, speed, variant, names)
    process = _FORKS.Process(target=_run, args=given, daemon=True)
    process.start()
    return process


def start_api(
    config_file: Path, environment: Mapping[str, str], log: Path, *, variant: variants.Variant | None = None
) -> subprocess.Popen[bytes]:
    """Start `observatory api` in a session of its own, so that a signal to the group reaches its worker too."""
    module = ["cli.main"] if variant is None else ["tests.chaos.api_variant", variant.value]
    command = [sys.executable, "-m", *module, "--config", str(config_file), "api"]
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with log.open("ab") as stderr:
        return subprocess.Popen(command, env={**inherited, **environment}, stderr=stderr, start_new_session=True)


def _run(
    config_file: Path,
    environment: Mapping[str, str],
    log: Path,
    speed: Speed,
    variant: variants.Variant | None,
    names: resolver.Names | None,
) -> None:
    with log.open("ab") as stderr:
        os.dup2(stderr.fileno(), 2)
    os.environ.update(environment)
    _hurry(speed)
    if variant is not None:
        variants.put_in(variant)
    if names is not None:
        resolver.put_in(names)
    config = load(
        config_file,
        providers={kind: collector.settings_class for kind, collector in COLLECTORS.items()},
        receivers=dict(RECEIVERS),
    )
    raise SystemExit(scheduler.run(config, standstill_seconds=speed.standstill_seconds))


def _hurry(speed: Speed) -> None:
    leases.LEASE_SECONDS = credentials.LEASE_SECONDS = speed.lease_seconds
    pace._FIRST_FAILURE_SECONDS = speed.first_failure_seconds  # noqa: SLF001 - shortened for drills alone
    pace._LONGEST_FAILURE_SECONDS = speed.longest_failure_seconds  # noqa: SLF001 - the same
    deliver.FIRST_WAIT_SECONDS = speed.first_retry_seconds
    deliver.LONGEST_WAIT_SECONDS = speed.longest_retry_seconds
    defaults = deliver.Deliverer.__init__.__kwdefaults__ or {}
    lease = timedelta(seconds=speed.message_lease_seconds)
    deliver.Deliverer.__init__.__kwdefaults__ = defaults | {"lease": lease}
