"""The commands that start something: the whole stack, the demo, one process, the migrations."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from cli.options import config_option, config_path
from cli.style import Command


@contextmanager
def _end_in_the_log() -> Iterator[None]:
    """A process that ran for months leaves the whole story of its crash in its log, not one line on a terminal."""
    import structlog  # noqa: PLC0415

    from shared.errors import ObservatoryError  # noqa: PLC0415

    try:
        yield
    except Exception as error:
        if not isinstance(error, ObservatoryError):
            structlog.get_logger().critical("crashed", exc_info=True)
        raise


@click.command(cls=Command)
@config_option
@click.pass_context
def api(ctx: click.Context) -> None:
    """Run the API and the stream alone, for a process manager of your own.

    Needs DATABASE_URL (or the database of a running `observatory up`) and migrated tables.
    """
    # First of all: it has to patch the standard library before anything else opens a socket or a thread.
    from api import server  # noqa: PLC0415
    from cli.configured import load_webhooks, with_database  # noqa: PLC0415

    config = with_database(load_webhooks(config_path(ctx)))
    with _end_in_the_log():
        sys.exit(server.run(config))


@click.command(cls=Command)
@config_option
@click.pass_context
def scheduler(ctx: click.Context) -> None:
    """Run the scheduler alone: it polls the providers and delivers the alerts.

    Needs DATABASE_URL (or the database of a running `observatory up`) and migrated tables.
    """
    from cli.configured import load_all, with_database  # noqa: PLC0415
    from collectors import scheduler as process  # noqa: PLC0415

    config = with_database(load_all(config_path(ctx)))
    with _end_in_the_log():
        sys.exit(process.run(config))


@click.command(cls=Command)
@config_option
@click.pass_context
def migrate(ctx: click.Context) -> None:
    """Bring the database's tables to this version; does nothing when they are.

    Without DATABASE_URL, and with nothing running, the private database is started for just so long.
    """
    import migrations  # noqa: PLC0415 (Alembic is slow to load)
    from cli.configured import borrow_engine, load_own  # noqa: PLC0415

    with borrow_engine(load_own(config_path(ctx))) as engine:
        before = migrations.current(engine)
        reached = migrations.upgrade(engine)
    click.echo(
        f"The tables are at {reached}." if before == reached else f"Migrated from {before or 'nothing'} to {reached}."
    )


@click.command(cls=Command)
@config_option
@click.pass_context
def up(ctx: click.Context) -> None:
    """Run everything until Ctrl-C: database (a private one without DATABASE_URL), migrations, scheduler and API."""
    from cli import up as stack  # noqa: PLC0415

    sys.exit(stack.run(config_path(ctx)))


@click.command(cls=Command)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=None,
    show_default="8080, or a free one when that is taken",
    help="Of the API; 0 takes a free one.",
)
@click.option("--seconds", type=click.FloatRange(min=0), default=None, help="End by itself after so long.")
@click.option("--fresh", is_flag=True, help="Begin with nothing, in a folder that is removed at the end.")
def demo(port: int | None, seconds: float | None, *, fresh: bool) -> None:
    """Run everything against a simulated CI system, in a folder of its own, never on DATABASE_URL."""
    from cli import demo as stack  # noqa: PLC0415

    sys.exit(stack.run(port=port, seconds=seconds, is_fresh=fresh))
