"""The lean process that runs a plan: private Postgres, migrations, scheduler and API, until somebody says stop."""

import os
import shutil
import sys
import time
from pathlib import Path

from cli.database_part import Database
from cli.demo_world import World
from cli.output import OURSELVES, Printer, Say
from cli.plan import Plan, take_plan
from cli.probe import get, reachable
from cli.process import Process
from cli.supervisor import Ended, Stopped, Supervisor
from cli.welcome import farewell, welcome
from shared.embedded.server import Server
from shared.errors import CannotStart

_READY_SECONDS = 60.0
_DATABASE_SECONDS = 120.0
"""After a crash Postgres replays its log first; a server that cannot go on ends by itself."""


def main() -> int:
    """Runs the plan of the environment; the exit code is 0 after a stop, 2 or 3 when it could not start."""
    plan = take_plan()
    say = Printer(width=9, is_coloured=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    world = None if plan.simulator_port is None else World(plan, say)
    code = 0
    with Supervisor(say if world is None else world.overhear) as supervisor:
        try:
            if plan.seconds is not None:
                supervisor.stop_after(plan.seconds)
            _run(plan, world, supervisor, say)
        except Stopped:
            say(OURSELVES, "stopping")
        except Ended as end:
            code = end.code
            if str(end):
                say(OURSELVES, str(end))
        except CannotStart as error:
            code = 3
            say(OURSELVES, f"✗ {error.problem}\n  {error.cure}")
    say(OURSELVES, farewell(code))
    if plan.temporary is not None:
        shutil.rmtree(plan.temporary)
    return code


def _run(plan: Plan, world: World | None, supervisor: Supervisor, say: Say) -> None:
    started_at = time.monotonic()
    environment = dict(os.environ)
    if sys.stdout.isatty():
        environment["OBSERVATORY_ON_TERMINAL"] = "1"  # the parts write into our pipe, and people read it
    if world is not None:
        world.start(supervisor)
    if plan.data_folder is not None:
        environment["DATABASE_URL"] = _start_database(supervisor, Path(plan.data_folder))
    if world is not None:
        world.describe(supervisor)
    supervisor.run_to_end(_part("migrate", plan, environment, stop_seconds=2.0))
    if plan.is_published:
        _require_key(supervisor, plan, environment)
    supervisor.start(_part("scheduler", plan, environment, stop_seconds=2.0))
    supervisor.start(_part("api", plan, environment, stop_seconds=5.0))
    address = reachable(plan.host), plan.port
    is_ready = supervisor.watch(_READY_SECONDS, until=lambda: get(*address, "/readyz")[0] == 200)
    for line in welcome(plan, is_ready=is_ready, seconds=time.monotonic() - started_at):
        say(OURSELVES, line)
    if world is not None:
        world.show_first_build(supervisor, started_at)
    supervisor.watch(every=1.0)


def _require_key(supervisor: Supervisor, plan: Plan, environment: dict[str, str]) -> None:
    """Ends the stack, in the words of the check alone, when nobody could use its API."""
    command = [sys.executable, "-P", "-m", "cli.key_check", plan.config]
    try:
        supervisor.run_to_end(Process(OURSELVES, command, environment, stop_seconds=2.0))
    except Ended as end:
        raise Ended("", end.code) from end


def _start_database(supervisor: Supervisor, folder: Path) -> str:
    server = Server(folder)
    supervisor.start(Database(server))
    if not supervisor.watch(_DATABASE_SECONDS, until=lambda: server.is_ready() or server.exit_code() is not None):
        raise server.not_started(f"was not ready after {_DATABASE_SECONDS:.0f} s")
    if not server.is_ready():
        raise server.not_started("ended while starting")
    return server.url


def _part(name: str, plan: Plan, environment: dict[str, str], *, stop_seconds: float) -> Process:
    command = [sys.executable, "-P", "-m", "cli.main", "--config", plan.config, name]
    return Process(name, command, environment, stop_seconds=stop_seconds)


if __name__ == "__main__":
    sys.exit(main())
