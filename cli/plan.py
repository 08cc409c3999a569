"""What is to run, decided before anything runs; handed from `observatory up` to the lean process that runs it."""

import dataclasses
import json
import os
import sys
from dataclasses import dataclass
from typing import NoReturn

VARIABLE = "OBSERVATORY_STACK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The stack to run. It holds no secret: those stay in the environment.

    `data_folder` is None with a database of the user's own. `is_published`: others
    than this machine can reach it, so that there has to be a key. `simulator_port` makes it the demo, whose `config` is
    written once the simulator has said what it simulates. After `seconds` the stack ends by itself; `temporary` is a
    folder that is removed then.
    """

    config: str
    host: str
    port: int
    data_folder: str | None
    is_published: bool = False
    simulator_port: int | None = None
    slack_port: int | None = None
    gitlab_port: int | None = None
    jenkins_port: int | None = None
    seconds: float | None = None
    temporary: str | None = None


def become_the_stack(plan: Plan) -> NoReturn:
    """Replaces this process by the one that runs the plan: same process id, a third of the memory."""
    sys.stdout.flush()
    sys.stderr.flush()
    environment = os.environ | {VARIABLE: json.dumps(dataclasses.asdict(plan))}
    os.execve(sys.executable, [sys.executable, "-P", "-m", "cli.stack"], environment)  # noqa: S606 (our own program)


def take_plan() -> Plan:
    """The plan this process was started with."""
    return Plan(**json.loads(os.environ.pop(VARIABLE)))
