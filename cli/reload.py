"""`observatory config reload`: running schedulers take the changed file, or say what is wrong with it."""

import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cli.check import config, told
from cli.configured import load_all, load_own, open_engine
from cli.failures import Failure, Mistaken, NotStarted
from cli.options import config_option, config_path, json_option
from cli.style import Command
from cli.table import print_json
from shared import processes, reloads
from shared.config.settings import Config
from shared.errors import ConfigError
from shared.reloads import Asked, Outcome

__all__ = ["config"]

WAIT_SECONDS = 30.0
_LOOKS_SECONDS = 0.2

OLD_HOLDS = "Nothing was changed: the configuration of before stays in force."


@config.command("reload", cls=Command)
@json_option
@config_option
@click.pass_context
def reload_(ctx: click.Context, as_json: bool) -> None:
    """Have every running scheduler take the changed file: what is watched, projects, receivers, how often is polled.

    Each reads its own file. One with mistakes changes nothing: all of them are listed, exit code 2. What listens
    ([server]), [database], [logging] and scheduler.workers wait for a restart.
    """
    path = config_path(ctx)
    with open_engine(_readable(path)) as engine:
        asked, answers = _reload(engine)
    if as_json:
        print_json(_document(asked, answers))
    _fail_if_any_did(asked, answers)
    if not as_json:
        for process in asked:
            _say(process, answers[process.id])


def _readable(path: Path | None) -> Config:
    """What it takes to find the schedulers; a file that does not even tell that is wrong, and everything in it said."""
    try:
        return load_own(path)
    except ConfigError as error:
        raise Mistaken(told(path, _all_mistakes(path, error)), OLD_HOLDS) from error


def _all_mistakes(path: Path | None, error: ConfigError) -> Sequence[tuple[str, str]]:
    try:
        load_all(path)
    except ConfigError as more:
        return more.mistakes
    return error.mistakes


def _reload(engine: Engine) -> tuple[list[Asked], Mapping[str, Outcome]]:
    """Ask, and wait for the answers; a signal only saves those on this machine the time until their next heartbeat."""
    with Session(engine) as session, session.begin():
        asked = reloads.ask(session, "scheduler")
    if not asked:
        raise NotStarted(["no scheduler runs"], "It reads the configuration when it starts: `observatory up`.")
    for process in asked:
        processes.signal_here(process.id, signal.SIGHUP)
    ids = [process.id for process in asked]
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        with Session(engine) as session:
            answers = reloads.answers(session, ids)
        if len(answers) == len(ids) or time.monotonic() > deadline:
            return asked, answers
        time.sleep(_LOOKS_SECONDS)


def _fail_if_any_did(asked: Sequence[Asked], answers: Mapping[str, Outcome]) -> None:
    wrong: dict[str, None] = {}
    for outcome in answers.values():
        wrong |= dict.fromkeys(told(Path(outcome.path) if outcome.path else None, outcome.mistakes))
    if wrong:
        raise Mistaken(list(wrong), OLD_HOLDS)
    silent = [process for process in asked if process.id not in answers]
    if silent:
        words = [f"{_name(process)} did not answer within {WAIT_SECONDS:.0f} s" for process in silent]
        raise Failure(words, "Its log says more; a restart takes the file, too.")


def _say(process: Asked, outcome: Outcome) -> None:
    click.echo(f"✓ {_name(process)} took {outcome.path or 'the environment; it has no file'}.")
    if outcome.waits_for_restart:
        click.echo(f"  Changed too, but only a restart takes it: {', '.join(outcome.waits_for_restart)}.")


def _name(process: Asked) -> str:
    return f"the scheduler on {process.host} (process {process.pid})"


def _document(asked: Sequence[Asked], answers: Mapping[str, Outcome]) -> dict[str, object]:
    return {
        "is_ok": all(process.id in answers and not answers[process.id].mistakes for process in asked),
        "schedulers": [
            {
                "host": process.host,
                "pid": process.pid,
                "has_answered": process.id in answers,
                "path": (outcome := answers.get(process.id, Outcome())).path,
                "mistakes": [{"path": place, "message": words} for place, words in outcome.mistakes],
                "waits_for_restart": outcome.waits_for_restart,
            }
            for process in asked
        ],
    }
