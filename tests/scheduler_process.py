"""A real scheduler process that starts in a moment: forked from a server that has everything imported already."""

import multiprocessing
import os
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from alerts import RECEIVERS
from collectors import COLLECTORS, scheduler
from shared.config.settings import load

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.scheduler_process"])


def start_scheduler(
    config_file: Path, environment: Mapping[str, str], *, standstill_seconds: float = 120.0
) -> ForkServerProcess:
    """Start `collectors.scheduler.run` on a configuration; `kill()` on the result is a SIGKILL."""
    process = _FORKS.Process(target=_run, args=(config_file, dict(environment), standstill_seconds), daemon=True)
    process.start()
    return process


def _run(config_file: Path, environment: Mapping[str, str], standstill_seconds: float) -> None:
    os.environ.update(environment)
    config = load(
        config_file,
        providers={kind: collector.settings_class for kind, collector in COLLECTORS.items()},
        receivers=dict(RECEIVERS),
    )
    raise SystemExit(scheduler.run(config, standstill_seconds=standstill_seconds))
