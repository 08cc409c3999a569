"""`observatory demo`: everything against a simulated CI system, in a folder of its own, never on your database."""

import os
import sys
import tempfile
from pathlib import Path

from cli.plan import Plan, become_the_stack
from cli.preflight import by_whom, check_port, free_port, raise_file_limit
from shared.config.settings import default_data_folder
from shared.embedded.folder import make_folder

HOST = "127.0.0.1"
USUAL_PORT = 8080
_SOCKETS = 500

_PLATFORM_VARIABLES = {"PORT", "WEB_CONCURRENCY", "LOG_LEVEL", "DATABASE_URL", "DATABASE_URL_FILE"}
"""What would otherwise override the demo's own configuration."""


def run(*, port: int | None = None, seconds: float | None = None, is_fresh: bool = False) -> int:
    """Becomes the process that runs the demo; raises `CannotStart` when it cannot.

    Without a `port` it is 8080, or a free one when that is taken.
    `is_fresh` begins with nothing, in a folder that is removed at the end.
    """
    become_the_stack(prepare(port=port, seconds=seconds, is_fresh=is_fresh))


def prepare(*, port: int | None, seconds: float | None, is_fresh: bool) -> Plan:
    """The plan of the demo. Nothing of the user's own configuration or database is looked at."""
    _forget_own_settings()
    raise_file_limit(_SOCKETS)
    folder = _temporary_folder() if is_fresh else _lasting_folder()
    return Plan(
        config=str(folder / "config.toml"),
        host=HOST,
        port=choose_port(port),
        data_folder=str(folder / "database"),
        simulator_port=free_port(HOST),
        slack_port=free_port(HOST),
        gitlab_port=free_port(HOST),
        jenkins_port=free_port(HOST),
        seconds=seconds,
        temporary=str(folder) if is_fresh else None,
    )


def choose_port(asked: int | None, *, usual: int = USUAL_PORT) -> int:
    """The port that was asked for, or the usual one; where that is taken, a free one, and a line that says so.

    Raises `CannotStart` when the port that was asked for is taken.
    """
    if asked is not None:
        check_port(HOST, asked, cure="Stop that process, or name another --port; without one a free port is used.")
        return asked or free_port(HOST)
    port = free_port(HOST, usual)
    if port != usual:
        sys.stdout.write(f"port {usual} is taken{by_whom(usual)}; using {port} instead\n")
        sys.stdout.flush()
    return port


def _forget_own_settings() -> None:
    """Takes out of our environment, and so out of every part's, what configures the user's own Observatory."""
    for name in list(os.environ):
        if name in _PLATFORM_VARIABLES or (name.startswith("OBSERVATORY_") and "__" in name):
            del os.environ[name]


def _lasting_folder() -> Path:
    usual = default_data_folder()
    folder = usual.with_name(usual.name + "-demo")
    make_folder(folder)
    return folder


def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="observatory-demo-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)  # ours; the account that runs the database lives below
    return folder
