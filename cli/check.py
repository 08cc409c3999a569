"""`observatory config check`: every mistake at once, or what the configuration means."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from cli.configured import load_all
from cli.failures import Mistaken
from cli.options import config_option, config_path, json_option
from cli.style import Command, Group
from cli.table import print_json
from shared.config.files import read_toml
from shared.config.routes import Matchers, RouteSettings
from shared.config.settings import LISTS, Config
from shared.errors import ConfigError

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


@click.group(cls=Group)
def config() -> None:
    """Check the configuration, or have what runs take it."""


@config.command(cls=Command)
@json_option
@config_option
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """List every mistake of the configuration with what would be right (exit code 2), or say what it means."""
    path = config_path(ctx)
    try:
        found = load_all(path)
    except ConfigError as error:
        if as_json:
            print_json(_document(path, mistakes=error.mistakes))
            ctx.exit(Mistaken.exit_code)
        count = len(error.mistakes)
        cure = f"{count} mistakes" if count > 1 else "One mistake"
        raise Mistaken(
            told(path, error.mistakes),
            f"{cure}; docs/configuration.md explains every key.",
        ) from error
    if as_json:
        print_json(_document(path, found=found))
        return
    for line in describe(found):
        click.echo(line)


def told(path: Path | None, mistakes: Sequence[tuple[str, str]]) -> list[str]:
    """The mistakes for people: the file before each key of it, and an entry's name behind its number."""
    names = _names(path) if path else {}
    return [f"{_located(path, place, names)}: {words}" for place, words in mistakes]


def _located(path: Path | None, place: str, names: Mapping[str, str]) -> str:
    if path is None or place == str(path) or _VARIABLE.fullmatch(place):
        return place
    entry, dot, key = place.partition(".")
    name = f" ({names[entry]})" if entry in names and key not in {"name", "key"} else ""
    return f"{path}: {entry}{name}{dot}{key}"


def _names(path: Path) -> dict[str, str]:
    """`providers[0]` to the name that this entry gives itself; nothing of a file that cannot be read."""
    try:
        raw = read_toml(path)
    except ConfigError:
        return {}
    return {
        f"{section}[{index}]": name
        for section in LISTS
        for index, entry in enumerate(raw.get(section, []) if isinstance(raw.get(section), list) else [])
        if isinstance(entry, dict) and isinstance(name := entry.get("key" if section == "projects" else "name"), str)
    }


def describe(config: Config) -> list[str]:
    """What a configuration means, in sentences."""
    lines = [
        f"✓ {config.path} has no mistakes." if config.path else "✓ There is no file; defaults and environment hold."
    ]
    for provider in config.providers:
        watched = ", ".join(provider.watch) or "nothing yet"
        lines.append(f"  {provider.name} ({provider.kind}, {provider.base_url}): watches {watched}")
    if not config.providers:
        lines.append("  Nothing is watched: add [[providers]] (config.example.toml shows how).")
    lines += _who_is_told(config)
    lines += [
        f"  project {project.key}" + (f" of {project.team}" if project.team else "") for project in config.projects
    ]
    database = "the one of its URL" if config.database.url else f"a private one in {config.database.folder}"
    lines += [f"  database: {database}", f"  API: {config.server.base_url}"]
    lines += [f"  {section}.{key} is set by {variable}" for (section, key), variable in sorted(config.origins.items())]
    return lines


def _who_is_told(config: Config) -> Iterator[str]:
    """Each receiver with the routes that lead to it; without a route all are told alike."""
    for receiver in config.receivers:
        routes = ", ".join(route.name for route in config.routes if receiver.name in route.receivers)
        if not config.routes:
            told = "is told what breaks, flaps and is fixed on default branches"
        else:
            told = f"is told what fits {routes}" if routes else "no route leads there"
        yield f"  {receiver.name} ({receiver.kind}): {told}"
    for route in config.routes:
        yield f"  route {route.name}: {_meaning(route)} to {', '.join(route.receivers)}"


def _meaning(route: RouteSettings) -> str:
    fits = [f"{key} {', '.join(value)}" for key in Matchers.model_fields if (value := getattr(route, key))]
    told = "every change of a build's status" if route.every_transition else ", ".join(route.on)
    return f"{told} of {'; '.join(fits)}"


def _document(
    path: Path | None, *, found: Config | None = None, mistakes: list[tuple[str, str]] | None = None
) -> dict[str, object]:
    providers = found.providers if found else ()
    return {
        "is_ok": not mistakes,
        "path": path,
        "mistakes": [{"path": place, "message": words} for place, words in mistakes or []],
        "watches": [f"{provider.name}:{scope}" for provider in providers for scope in provider.watch],
    }
