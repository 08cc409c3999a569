"""`python -m cli.database_tool COMMAND …`: one PostgreSQL program (pg_dump, psql, …) on the private database."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cli.options import DEFAULT_FILE
from shared.config.settings import load
from shared.embedded.binaries import wheel_binaries
from shared.embedded.server import borrowed_url
from shared.embedded.settings import DATABASE, ROLE
from shared.errors import CannotStart, ConfigError

USAGE = "usage: python -m cli.database_tool PROGRAM [ARGUMENT …], such as: pg_dump --format=custom --file=backup.dump\n"


def main(arguments: Sequence[str]) -> int:
    """Runs the program beside the running database, or starts the database for just so long; its exit code is ours."""
    if not arguments:
        sys.stderr.write(USAGE)
        return 2
    try:
        configured = os.environ.get("OBSERVATORY_CONFIG") or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
        folder = load(None if configured is None else Path(configured)).database.folder
        with borrowed_url(folder) as url:
            return subprocess.run(list(arguments), env=_environment(_host(url)), check=False).returncode  # noqa: S603 (asked for)
    except ConfigError as error:
        sys.stderr.write("".join(f"{path}: {text}\n" for path, text in error.mistakes))
        return 2
    except (CannotStart, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 3


def _host(url: str) -> str:
    return parse_qs(urlsplit(url).query)["host"][0]


def _environment(socket: str) -> dict[str, str]:
    """The program's address by libpq's own variables, and the wheel's programs, whose version fits, before others."""
    path = f"{wheel_binaries().folder}:{os.environ.get('PATH', os.defpath)}"
    return os.environ | {"PATH": path, "PGHOST": socket, "PGUSER": ROLE, "PGDATABASE": DATABASE}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
