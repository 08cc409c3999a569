"""`observatory backfill`: ask for a source's past, watch it come, list and cancel what was asked for."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import click
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cli.configured import load_own, open_engine
from cli.failures import Failure
from cli.options import config_option, config_path, json_option
from cli.style import Command, Group
from cli.table import REMARK, age, is_terminal, one_line, print_json, print_rows
from shared import backfills, sources, standing
from shared.clock import utc_now
from shared.rows import Row, as_int
from shared.trigger import trigger

START = "start"
LOOK_SECONDS = 1.0
MOST_LISTED = 200
MOST_BARS = 12
"""Of more sources than this a person sees the first ones, and one bar for all."""
ENDED = ("done", "cancelled")


class StartedByDefault(Group):
    """`backfill SOURCE` is `backfill start SOURCE`: what is no command of ours names a source."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command's name before anything that is neither a command nor a cry for help."""
        is_ours = bool(args) and (args[0] in self.commands or args[0] in ("-h", "--help"))
        return super().parse_args(ctx, args if is_ours or not args else [START, *args])


@click.group(cls=StartedByDefault)
def backfill() -> None:
    """Collect the past of a source, newest first, with the requests that its polls leave: `backfill SOURCE --days 90`.

    SOURCE is its id, `instance:scope`, or the scope where that is clear. A source has one backfill at a time; asking
    again widens it. Nobody is alerted about the past.
    """


@backfill.command(START, cls=Command)
@click.argument("name", metavar="[SOURCE]", required=False)
@click.option("--all", "is_for_all", is_flag=True, help="Every source that is polled.")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How far back.")
@click.option("--detach", "is_detached", is_flag=True, help="Ask for it and return at once.")
@config_option
@click.pass_context
def start(ctx: click.Context, name: str | None, is_for_all: bool, days: int, is_detached: bool) -> None:
    """Ask for the last days of SOURCE and show how far it is.

    Ctrl-C leaves it to the scheduler.
    """
    if (name is None) is not is_for_all:
        raise click.UsageError("Name one SOURCE, or say --all.")
    with open_engine(load_own(config_path(ctx))) as engine:
        asked = _ask(engine, name, days)
        click.echo(f"asked for the last {days} days of {_counted(len(asked), 'source')}")
        if is_detached or not _scheduler_runs(engine):
            return
        try:
            ended = _watch(engine, asked)
        except KeyboardInterrupt:
            click.echo("\nIt goes on in the scheduler; `observatory backfill list` tells how far it is.")
            return
    print_rows("backfills", _COLUMNS, [_line(row) for row in ended])


@backfill.command("list", cls=Command)
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List backfills: what is left to collect, and what was collected."""
    with open_engine(load_own(config_path(ctx))) as engine, Session(engine) as session:
        found = backfills.newest(session, limit=MOST_LISTED)
    if as_json:
        print_json(found)
    else:
        print_rows("backfills", _COLUMNS, [_line(row) for row in found])


@backfill.command(cls=Command)
@click.argument("name", metavar="SOURCE")
@config_option
@click.pass_context
def cancel(ctx: click.Context, name: str) -> None:
    """End the backfill of SOURCE; what it collected stays."""
    with open_engine(load_own(config_path(ctx))) as engine, Session(engine) as session, session.begin():
        found = sources.find(session, name)
        if backfills.cancel(session, found.id) is None:
            raise Failure([f"{found.name} has no backfill under way"])
    click.echo(f"the backfill of {found.name} is cancelled; what it collected stays")


_COLUMNS = ("source", "state", "collected", "back to", "now at", "builds", REMARK)


def _line(row: Row) -> tuple[str, ...]:
    now = utc_now()
    return (
        str(row["source"]),
        str(row["state"]),
        f"{_share(row):.0%}",
        _age(row["since"], now),
        _age(row["reached"], now),
        str(row["builds"]),
        str(row["reason"] or ""),
    )


def _ask(engine: Engine, name: str | None, days: int) -> list[int]:
    """Write down what is wanted, make the sources due, and return the backfills' ids."""
    until = utc_now()
    since = until - timedelta(days=days)
    with Session(engine) as session, session.begin():
        if name is None:
            asked, due = backfills.request_all(session, since, until), None
        else:
            found = sources.find(session, name)
            if not found.is_active:
                raise Failure([f"{found.name} is inactive"], "Put it back into the configuration, or add it again.")
            asked, due = [backfills.request(session, found.id, since, until)], found.id
        trigger(session, source_id=due)
    if not asked:
        raise Failure(["nothing is watched yet"], "Add a source with `observatory source add`.")
    return asked


def _scheduler_runs(engine: Engine) -> bool:
    with Session(engine) as session:
        alive = [each for each in standing.processes(session, utc_now()) if each.kind == "scheduler" and each.is_alive]
    if not alive:
        click.echo("no scheduler runs, so it waits until one does: `observatory up`", err=True)
    return bool(alive)


def _watch(engine: Engine, asked: list[int]) -> list[Row]:
    """Look until all are over; a person sees bars, everyone else only the end."""
    if not is_terminal():
        return _until_over(engine, asked, lambda _: None)
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn  # noqa: PLC0415 (slow to load)

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns) as progress:
        bars = {backfill_id: progress.add_task("", total=1.0, words="") for backfill_id in asked[:MOST_BARS]}
        whole = progress.add_task("", total=float(len(asked)), words="", visible=len(asked) > MOST_BARS)

        def show(found: list[Row]) -> None:
            for row in found:
                if (bar := bars.get(as_int(row["id"]))) is not None:
                    name = one_line(str(row["source"]))
                    progress.update(bar, description=name, completed=_share(row), words=_words(row))
            done = sum(row["state"] in ENDED for row in found)
            progress.update(
                whole, description="all", completed=sum(map(_share, found)), words=f"{done} of {len(found)} done"
            )

        return _until_over(engine, asked, show)


def _until_over(engine: Engine, asked: list[int], show: Callable[[list[Row]], None]) -> list[Row]:
    while True:
        with Session(engine) as session:
            found = backfills.by_id(session, asked)
        show(found)
        if all(row["state"] in ENDED for row in found):
            return found
        time.sleep(LOOK_SECONDS)


def _words(row: Row) -> str:
    reason = f"  {one_line(str(row['reason']))}" if row["reason"] and row["state"] not in ENDED else ""
    return f"{row['state']}, {_counted(as_int(row['builds']), 'build')}{reason}"


def _age(instant: object, now: datetime) -> str:
    return age(instant if isinstance(instant, datetime) else None, now)


def _share(row: Row) -> float:
    share = row["share"]
    return min(1.0, max(0.0, share)) if isinstance(share, float) else 0.0


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
