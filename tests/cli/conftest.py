"""The `observatory` command run inside the test, in a folder of its own, against the test's database."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import observatory
from tests.logging_restored import logging_as_it_was

Run = Callable[..., Result]

OURS = ("OBSERVATORY_", "DATABASE_URL", "PORT", "LOG_LEVEL", "WEB_CONCURRENCY", "GITHUB_TOKEN")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs `observatory` with arguments; variables of the environment are given by name."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)

    def run_command(*arguments: str, stdin: str | None = None, **environ: str) -> Result:
        return CliRunner().invoke(observatory, arguments, input=stdin, env=environ, prog_name="observatory")

    with logging_as_it_was():
        yield run_command
