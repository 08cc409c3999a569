"""The options several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])

DEFAULT_FILE = Path("config.toml")


def config_option(command: Command) -> Command:
    """`--config` behind the command's name as well, where people look for it; it wins over the one before."""

    def remember(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
        if value is not None:
            ctx.obj = value

    return click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        callback=remember,
        expose_value=False,
        help="The configuration file.",
    )(command)


def config_path(ctx: click.Context) -> Path | None:
    """The file that was asked for, else `config.toml` of the current folder, else none: defaults and environment."""
    if ctx.obj is not None:
        return Path(ctx.obj)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def json_option(command: Command) -> Command:
    """`--json`: the same for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)
