"""`observatory silence`: for a while nobody is told of what somebody works on."""

import getpass
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import click
from pydantic import ValidationError
from sqlalchemy.orm import Session

from cli.configured import load_own, open_engine
from cli.failures import Failure, Mistaken
from cli.options import config_option, config_path, json_option
from cli.style import Command, Group
from cli.table import REMARK, age, print_json, print_rows
from shared import silences
from shared.clock import utc_now
from shared.config.mistakes import Mistakes, explain
from shared.config.routes import Matchers
from shared.rows import Row
from shared.silence_requests import MistakenSilence, SilenceRequest, is_over, new_silence
from shared.silences import State

MOST = 10_000
LONGEST_AUTHOR = 200
_OPTIONS = {"duration_seconds": "--for", "ends_at": "--until", "starts_at": "--from"}

Decorated = TypeVar("Decorated", bound=Callable[..., object])


@click.group(cls=Group)
def silence() -> None:
    """Have nobody told for a while, list what is silent, end it early.

    The running scheduler takes a change within a second. What is still broken when a silence ends is told then, once.
    """


def matcher_options(command: Decorated) -> Decorated:
    """An option for each thing a silence can match, which may be given several times."""
    for name, info in reversed(Matchers.model_fields.items()):
        words = f"Only these: {info.description}; patterns with * fit, too."
        command = click.option(f"--{name}", name, multiple=True, help=words)(command)
    return command


@silence.command(cls=Command)
@matcher_options
@click.option("--for", "duration", help="How long from its beginning, such as 2h or 1d12h.")
@click.option("--until", help="Until when, in place of --for: 2026-11-20T12:00:00Z.")
@click.option("--from", "begins", help="From when on; from now unless said.")
@click.option("--reason", required=True, help="Why, for those who wonder why nobody was told.")
@click.option("--author", help="Who made it; your user name unless said.")
@json_option
@config_option
@click.pass_context
def add(
    ctx: click.Context,
    /,
    *,
    duration: str | None,
    until: str | None,
    begins: str | None,
    reason: str,
    author: str | None,
    as_json: bool,
    **matchers: tuple[str, ...],
) -> None:
    """Silence what fits all that is given, for 90 days at most.

    It holds through recoveries and new failures: observatory silence add --pipeline ci --branch main --for 2h
    --reason "the registry moves".
    """
    if author is not None and len(author) > LONGEST_AUTHOR:
        raise Mistaken([f"--author: must be a name of at most {LONGEST_AUTHOR} characters"])
    now = utc_now()
    given = {"duration_seconds": duration, "ends_at": until, "starts_at": begins, "reason": reason}
    body = {key: value for key, value in given.items() if value is not None} | {"matchers": matchers}
    try:
        wanted = new_silence(SilenceRequest.model_validate(body), author or getpass.getuser(), now)
    except ValidationError as error:
        raise _mistaken(explain(error, SilenceRequest, (), {}, ())) from None
    except MistakenSilence as error:
        raise _mistaken(error.mistakes) from None
    with open_engine(load_own(config_path(ctx))) as engine, Session(engine) as session, session.begin():
        silence_id = silences.add(session, wanted)
        found = silences.one(session, silence_id, now)
        is_known = silences.fits_any(session, wanted.matchers)
    if not is_known:
        click.echo("! It fits no pipeline that is known now; `GET /api/pipelines` has their names.", err=True)
    if as_json:
        print_json(found or {})
        return
    click.echo(f"Silence {silence_id} holds until {_minute(wanted.ends_at)}.")
    click.echo(f"End it before with: observatory silence end {silence_id}", err=True)


@silence.command("list", cls=Command)
@click.option("--all", "has_all", is_flag=True, help="List those that are over as well.")
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, has_all: bool, as_json: bool) -> None:
    """List what is silent now and what will be, the one that ends last first."""
    now = utc_now()
    states = tuple(State) if has_all else (State.ACTIVE, State.PENDING)
    with open_engine(load_own(config_path(ctx))) as engine, Session(engine) as session:
        found = silences.list_silences(session, states, now, limit=MOST)
    if as_json:
        print_json({"as_of": now, "silences": found})
        return
    columns = ("id", "state", "begins", "ends", "by", "what", REMARK)
    print_rows("silences", columns, [_row(one, now) for one in found])


@silence.command(cls=Command)
@click.argument("silence_id", metavar="ID", type=click.IntRange(0, 2**63 - 1))
@config_option
@click.pass_context
def end(ctx: click.Context, silence_id: int) -> None:
    """End the silence with this ID (see `silence list`) now; one that has not begun leaves nothing behind."""
    now = utc_now()
    with open_engine(load_own(config_path(ctx))) as engine, Session(engine) as session, session.begin():
        found = silences.one(session, silence_id, now)
        if found is None:
            raise Failure([f"no silence has the id {silence_id}"], "`observatory silence list --all` shows them.")
        silences.end(session, silence_id, now)
    click.echo(f"Silence {silence_id} was over before." if is_over(found) else f"Silence {silence_id} is over.")


def _mistaken(mistakes: Mistakes) -> Mistaken:
    told = [f"{_option(path)}: {words}" if path else words for path, words in mistakes]
    for key, option in _OPTIONS.items():
        told = [line.replace(key, option) for line in told]
    return Mistaken(told)


def _option(path: str) -> str:
    """The option that a place in the request came from."""
    if path == "matchers":
        return "what to silence"
    name = path.removeprefix("matchers.").partition("[")[0]
    return _OPTIONS.get(name, f"--{name}")


def _row(one: Row, now: datetime) -> tuple[str, ...]:
    starts_at, ends_at, matchers = one["starts_at"], one["ends_at"], one["matchers"]
    given = matchers if isinstance(matchers, dict) else {}
    return (
        str(one["id"]),
        str(one["state"]),
        age(starts_at if isinstance(starts_at, datetime) else None, now),
        age(ends_at if isinstance(ends_at, datetime) else None, now),
        str(one["author"]),
        " ".join(f"{key}={','.join(given[key])}" for key in Matchers.model_fields if key in given),
        str(one["reason"]),
    )


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
