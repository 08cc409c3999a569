"""`observatory builds`: the newest builds, narrowed as the API's list is."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy import Engine

from cli.configured import load_own, open_engine
from cli.options import config_option, config_path, json_option
from cli.style import Command
from cli.table import age, is_terminal, print_json, print_rows
from shared.queries import CANCEL_REASONS, BuildFilter, Position, list_builds
from shared.reading import reading
from shared.rows import Row
from shared.scope import Scope
from shared.status import Status
from shared.words import words_of

COLUMNS = ("id", "status", "pipeline", "branch", "commit", "author", "queued", "duration")

STATUSES = [str(status) for status in Status]

LOOKS = 200
"""How many short pages are followed for one list; what is rarer than that is said to be so."""


def _instant(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> datetime | None:
    """An instant with or without its zone; UTC unless said."""
    if given is None:
        return None
    try:
        instant = datetime.fromisoformat(given)
    except ValueError:
        raise click.BadParameter("must be an instant such as 2026-11-20 or 2026-11-20T12:00:00Z") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _several(name: str, about: str, **options: Any) -> Callable[[Callable[..., object]], Callable[..., object]]:
    return click.option(
        f"--{name.replace('_', '-')}", name, multiple=True, help=f"{about}; may be repeated.", **options
    )


def _whether(name: str, yes: str, no: str, about: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    return click.option(f"--{yes}/--{no}", name, default=None, help=about)


@click.command(cls=Command)
@click.argument("words", nargs=-1)
@_several("provider", "Of this kind of CI system")
@_several("instance", "Of this installation")
@_several("project", "Of the project with this key")
@_several("repository", "Of this repository")
@_several("pipeline_id", "Of the pipeline with this id", type=int)
@_several("branch", "On this branch")
@_several("status", "With this status", type=click.Choice(STATUSES), metavar="STATUS")
@_several("author", "Caused by this person")
@_several("event", "Caused by this, in the provider's word")
@_several("commit_sha", "Of the commit with this whole hash")
@_several("cancel_reason", "Cancelled for this reason", type=click.Choice(CANCEL_REASONS), metavar="REASON")
@_several("first_status", "Whose first attempt ended so", type=click.Choice(STATUSES), metavar="STATUS")
@_whether("is_flaky", "flaky", "not-flaky", "That passed right after the same commit had failed, or did not.")
@_whether("is_active", "active", "not-active", "That are open and to be believed, or are not.")
@_whether("is_stale", "stale", "not-stale", "That are open and no longer to be believed, or are not.")
@_whether("has_duration", "timed", "not-timed", "Whose duration is known, or is not.")
@_whether("has_wait", "waited", "not-waited", "Whose wait for a runner is known, or is not.")
@click.option("--since", callback=_instant, help="Queued at this instant or later; UTC unless it says its zone.")
@click.option("--until", callback=_instant, help="Queued before this instant.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
@json_option
@config_option
@click.pass_context
def builds(ctx: click.Context, /, words: tuple[str, ...], limit: int, as_json: bool, **given: Any) -> None:
    """Show the newest builds, or the newest that have all the WORDS and fit every option.

    WORDS are looked for in pipeline name, repository, branch, commit, author and message; each may be the beginning of
    a longer one. If what fits is so rare that the search was given up, a line on stderr says how far back it went.
    """
    wanted = _wanted(words, given)
    with open_engine(load_own(config_path(ctx))) as engine:
        found, reached, as_of = _collect(engine, wanted, limit)
    if as_json:
        print_json({"as_of": as_of, "builds": found, "reached": reached and reached[0]})
    elif found:
        print_rows("builds", COLUMNS, [_shown(row, as_of) for row in found])
    elif is_terminal() and reached is None:
        click.echo("no build fits")
    if reached is not None and len(found) < limit:
        back_to = reached[0].isoformat(timespec="seconds")
        click.echo(f"looked back to {back_to}; for what is older, add --until {back_to}", err=True)


def _wanted(words: tuple[str, ...], given: dict[str, Any]) -> BuildFilter:
    if words and not words_of(words):
        raise click.BadParameter("must have a letter or a digit", param_hint="WORDS")
    scope = Scope(**{name: given.pop(name) for name in Scope.__slots__})
    for name in ("status", "first_status"):
        given[name] = tuple(Status(word) for word in given[name])
    return BuildFilter(scope=scope, text=" ".join(words) or None, **given)


def _collect(engine: Engine, wanted: BuildFilter, limit: int) -> tuple[list[Row], Position | None, datetime]:
    """The builds, from as many short pages as it takes; how far it looked if there may be more; and when."""
    found: list[Row] = []
    after: Position | None = None
    for _ in range(LOOKS):
        with reading(engine) as opened:
            page = list_builds(opened.session, wanted, limit=min(200, limit - len(found)), after=after)
        found, after = found + page.rows, page.next
        if after is None or len(found) == limit:
            break
    return found, after, opened.as_of


def _shown(row: Row, now: datetime) -> tuple[str, ...]:
    names = dict.fromkeys(str(name) for name in (row["repository"], row["pipeline_name"]) if name)
    queued_at, seconds = row["queued_at"], row["duration_seconds"]
    return (
        str(row["id"]),
        str(row["status"]) + (" (stale)" if row["stale_since"] else ""),
        f"{row['instance']}:{' '.join(names)}",
        str(row["branch"] or "-"),
        str(row["commit_sha"] or "-")[:8],
        str(row["author"] or "-"),
        age(queued_at if isinstance(queued_at, datetime) else None, now),
        f"{seconds:.0f} s" if isinstance(seconds, float) else "-",
    )
