"""`observatory demo`: everything against a simulated CI system, in a folder of its own, never on your database."""

import os
import tempfile
from pathlib import Path

from cli.plan import Plan, become_the_stack
from cli.preflight import free_port, raise_file_limit
from shared.config.settings import default_data_folder
from shared.embedded.folder import make_folder

HOST = "127.0.0.1"
_SOCKETS = 500

_PLATFORM_VARIABLES = {"PORT", "WEB_CONCURRENCY", "LOG_LEVEL", "DATABASE_URL", "DATABASE_URL_FILE"}
"""What would otherwise override the demo's own configuration."""


def run(*, port: int = 8080, seconds: float | None = None, is_fresh: bool = False) -> int:
    """Becomes the process that runs the demo; raises `CannotStart` when it cannot.

    `port` is only a wish; `is_fresh` begins with nothing, in a folder that is removed at the end.
    """
    become_the_stack(prepare(port=port, seconds=seconds, is_fresh=is_fresh))


def prepare(*, port: int, seconds: float | None, is_fresh: bool) -> Plan:
    """The plan of the demo. Nothing of the user's own configuration or database is looked at."""
    _forget_own_settings()
    raise_file_limit(_SOCKETS)
    folder = _temporary_folder() if is_fresh else _lasting_folder()
    return Plan(
        config=str(folder / "config.toml"),
        host=HOST,
        port=free_port(HOST, port),
        data_folder=str(folder / "database"),
        simulator_port=free_port(HOST),
        slack_port=free_port(HOST),
        seconds=seconds,
        temporary=str(folder) if is_fresh else None,
    )


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
