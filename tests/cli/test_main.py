"""The command's surface: help at once, every command there, failures in words with their exit codes."""

import os
import re
import signal
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path

import click
import pytest

from cli.failures import failure_of
from cli.main import COMMANDS, observatory
from shared.errors import CannotStart, ConfigError, Unauthorized, Unavailable
from tests.cli.conftest import Run
from tests.cli.github import write_config
from tests.loopback import Heard, Loopback

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"


def spawn(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_help_lists_every_command_and_the_exit_codes(run: Run) -> None:
    result = run("--help")

    assert result.exit_code == 0
    assert [name for name in COMMANDS if f"  {name} " not in result.output] == []
    assert "130 interrupted" in result.output


def test_help_loads_none_of_the_slow_parts() -> None:
    program = (
        "import sys; sys.argv = ['observatory', '--help']\n"
        "import cli.main\n"
        "try: cli.main.main()\n"
        "except SystemExit: pass\n"
        "slow = ('sqlalchemy', 'pydantic', 'structlog', 'httpx', 'rich', 'flask')\n"
        "print([name for name in slow if name in sys.modules])"
    )

    assert spawn("-c", program).stdout.splitlines()[-1] == "[]"


def test_help_is_there_at_once() -> None:
    def seconds() -> float:
        """Of work, not of waiting for a machine that does other things as well."""
        before = os.times()
        assert spawn("-m", "cli.main", "--help").returncode == 0
        after = os.times()
        return after.children_user - before.children_user + after.children_system - before.children_system

    assert min(seconds() for _ in range(3)) < 0.3


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(run: Run, name: str) -> None:
    result = run(name, "--help")

    assert result.exit_code == 0, result.output
    assert f"observatory {name}" in result.output


def commands(group: click.Group, name: str = "") -> dict[str, set[str]]:
    """Every command with its options, as the code has them."""
    found: dict[str, set[str]] = {}
    for sub in group.list_commands(click.Context(group)):
        module, _, attribute = COMMANDS[sub][0].partition(":") if group is observatory else ("", "", "")
        command = getattr(import_module(module), attribute) if module else group.get_command(click.Context(group), sub)
        if isinstance(command, click.Group):
            found |= commands(command, f"{name}{sub} ")
        elif command is not None:
            found[f"{name}{sub}"] = {parameter.opts[0] for parameter in command.params if parameter.opts[0][:2] == "--"}
    return found


def test_the_documentation_names_every_command_with_its_options() -> None:
    text = (ROOT / "docs/cli.md").read_text()
    rows = [row.split(" | ")[0] for row in re.findall(r"^\| (`.*) \|$", text, re.MULTILINE)]

    for command, options in commands(observatory).items():
        mentions = [row for row in rows if re.search(rf"`{command}\b", row)]
        assert len(mentions) == 1, command
        assert options - set(re.findall(r"--[a-z][a-z-]*", mentions[0])) == set(), command


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sttus",), "did you mean 'status'?"),
        (("bananas",), "No such command"),
        (("status", "--jsn"), "--json"),
        (("source", "add", "github"), "Missing argument"),
        (("key", "create", "ci", "--scope", "everything"), "'read', 'logs', 'collect'"),
        (("--config", "/no/such/file", "config", "check"), "no such file; copy config.example.toml"),
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert words in result.stderr


def test_without_a_database_the_words_say_how_to_get_one(run: Run, tmp_path: Path) -> None:
    result = run("status", OBSERVATORY_DATABASE__FOLDER=str(tmp_path / "none"))

    assert result.exit_code == 3
    assert "no database is running" in result.stderr
    assert "observatory up" in result.stderr


@pytest.mark.parametrize("command", ["status", "migrate", "source list", "key create tv", "key list"])
def test_a_database_that_does_not_answer_is_named_without_its_password(run: Run, command: str) -> None:
    result = run(*command.split(), DATABASE_URL="postgresql://me:very-secret@127.0.0.1:1/none")

    assert result.exit_code == 3
    assert "the database cannot be reached" in result.stderr
    assert "very-secret" not in result.output
    assert "Traceback" not in result.output


def test_a_database_without_tables_says_to_migrate(run: Run, server_url: str) -> None:
    result = run("status", DATABASE_URL=server_url)

    assert result.exit_code == 1
    assert "observatory migrate" in result.stderr


def test_migrate_says_where_the_tables_are(run: Run, database_url: str) -> None:
    result = run("migrate", DATABASE_URL=database_url)

    assert result.exit_code == 0
    assert "The tables are at " in result.output


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConfigError([("server.port", "must be 1"), ("x", "unknown")]), 2, ["server.port: must be 1", "x: unknown"]),
        (CannotStart("port 80 is taken", "choose another"), 3, ["port 80 is taken", "choose another"]),
        (Unauthorized("github.com refused the token"), 4, ["github.com refused the token"]),
        (Unavailable("github.com is down"), 1, ["github.com is down"]),
        (ZeroDivisionError(f"by {TOKEN}"), 1, ["this is a defect", "ZeroDivisionError", "OBSERVATORY_DEBUG=1"]),
    ],
)
def test_each_kind_of_error_has_its_words_and_its_code(
    error: Exception, code: int, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    failure = failure_of(error)
    failure.show()

    shown = capsys.readouterr().err
    assert failure.exit_code == code
    assert [word for word in words if word not in shown] == []
    assert TOKEN not in shown


def test_ctrl_c_is_exit_code_130_and_no_traceback(tmp_path: Path, database_url: str) -> None:
    asked, ended = threading.Event(), threading.Event()

    def never_answer(_heard: Heard) -> bytes:
        asked.set()
        ended.wait(30)
        return b""

    with Loopback(never_answer) as github:
        config = write_config(tmp_path, github.url)
        command = [sys.executable, "-m", "cli.main", "--config", str(config), "source", "add", "github", "acme/web"]
        environ = os.environ | {"DATABASE_URL": database_url}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environ) as process:
            assert asked.wait(30)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        ended.set()

    assert process.returncode == 130
    assert "Interrupted." in said
    assert "Traceback" not in said
