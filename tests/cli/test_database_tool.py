"""The manual's commands for backup and restore do what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from shared.embedded.server import Server

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs/operations.md").read_text()


def from_the_manual(program: str) -> str:
    found = re.search(rf"^\.venv/bin/python (-m cli\.database_tool {program} .*)$", MANUAL, re.MULTILINE)
    assert found is not None
    return f"{sys.executable} {found[1]}"


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OBSERVATORY_DATABASE__FOLDER": str(folder / "data")}
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def execute(server: Server, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_a_backup_of_the_running_database_is_restored_over_a_spoiled_one(place: Path) -> None:
    with Server(place / "data") as server:
        execute(server, "CREATE TABLE builds AS SELECT 7 AS id")
        dump = run(from_the_manual("pg_dump"), place)
        execute(server, "UPDATE builds SET id = 8")

    restore = run(from_the_manual("pg_restore"), place)

    assert (dump.returncode, dump.stderr) == (0, "")
    assert (restore.returncode, restore.stderr) == (0, "")
    with Server(place / "data") as server:
        assert execute(server, "SELECT id FROM builds") == [(7,)]


@pytest.mark.parametrize(("arguments", "code"), [("", 2), ("no-such-program", 3), ("psql -c 'SELECT nothing'", 1)])
def test_what_goes_wrong_is_told_by_the_exit_code(place: Path, arguments: str, code: int) -> None:
    answer = run(f"{sys.executable} -m cli.database_tool {arguments}", place)

    assert answer.returncode == code
    assert answer.stderr
