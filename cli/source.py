"""`observatory source`: list what is watched, try and add something, ask for a poll."""

from datetime import timedelta

import click
from sqlalchemy.orm import Session

from cli.configured import load_all, load_own, open_engine
from cli.failures import Failure, Refused
from cli.options import config_option, config_path, json_option
from cli.style import Command, Group
from cli.table import age, one_line, print_json, print_rows
from cli.trial import provider_named, try_pattern, try_source
from shared import sources as stored
from shared import watches
from shared.clock import utc_now
from shared.config.patterns import is_pattern
from shared.config.settings import Config, ProviderSettings
from shared.freshness import sources as freshness
from shared.scope import Scope
from shared.trigger import trigger

FIRST_BUILDS = 5
FIRST_SOURCES = 10


@click.group(cls=Group)
def source() -> None:
    """List what is watched, add to it, ask for a poll."""


@source.command("list", cls=Command)
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List every source, when it was last reached and when it will be polled next."""
    from cli.status import MOST_SOURCES, print_patterns, print_sources  # noqa: PLC0415 (one look for both commands)

    with open_engine(load_own(config_path(ctx))) as engine, Session(engine) as session:
        rows = freshness(session, Scope(), limit=MOST_SOURCES)
        patterns = watches.states(session)
    if as_json:
        print_json(rows)
    else:
        print_sources(rows, utc_now())
        print_patterns(patterns, utc_now())


@source.command(cls=Command)
@click.argument("provider")
@click.argument("scope")
@click.option("--yes", "is_agreed", is_flag=True, help="Save without asking.")
@config_option
@click.pass_context
def add(ctx: click.Context, provider: str, scope: str, is_agreed: bool) -> None:
    """Try SCOPE (such as owner/repo) on PROVIDER (a kind or a configured name), show its newest builds, then save it.

    A pattern (such as 'owner/*') belongs into the configuration; here it is shown what it would find.
    Exit code 4: the provider refused the credential.
    """
    config = load_all(config_path(ctx))
    settings = provider_named(config.providers, provider, scope)
    if is_pattern(scope):
        _show_pattern(config, settings, scope)
        return
    if whence := _watched_by(config, settings, scope):
        click.echo(f"{settings.name}:{scope} is watched already ({whence}).")
        return
    now = utc_now()
    trial = try_source(settings, scope, since=now - timedelta(days=7), most=FIRST_BUILDS)
    if not trial.is_ok:
        problem = f"{settings.name}:{scope} was not added: {one_line('; '.join(trial.words))}"
        raise (Refused if trial.is_refused else Failure)([problem])
    for words in trial.words:
        click.echo(one_line(words))
    rows = [
        (
            build.pipeline_name,
            str(build.number or build.external_id),
            build.branch or "",
            build.status.value,
            age(build.queued_at, now),
        )
        for build in trial.builds
    ]
    print_rows("builds", ("pipeline", "number", "branch", "status", "queued"), rows)
    if not is_agreed and not click.confirm(f"Watch {settings.name}:{scope}?", default=True):
        click.echo("Nothing was saved.")
        return
    with open_engine(config) as engine, Session(engine) as session, session.begin():
        stored.add(session, settings, scope, config, utc_now())
    click.echo(f"{settings.name}:{scope} is watched from now on.")


def _show_pattern(config: Config, settings: ProviderSettings, pattern: str) -> None:
    """What a pattern would find, and how to watch it."""
    trial = try_pattern(settings, pattern)
    if not trial.is_ok:
        raise (Refused if trial.is_refused else Failure)([one_line("; ".join(trial.words))])
    shown, count = [one_line(scope) for scope in trial.scopes[:FIRST_SOURCES]], len(trial.scopes)
    for scope in shown:
        click.echo(f"  {scope}")
    if count > len(shown):
        click.echo(f"  … and {count - len(shown)} more")
    file = config.path or "config.toml"
    click.echo(f"{settings.name}:{pattern} finds {count} now; nothing was saved, because a pattern stands in the file:")
    click.echo(f'add "{pattern}" to `watch` of {settings.name} in {file}, then `observatory config reload`.')


def _watched_by(config: Config, settings: ProviderSettings, scope: str) -> str | None:
    """Who has asked for this source before: the configuration's file, or somebody with `source add`."""
    if scope in settings.scopes:
        return config.path.name if config.path else "the configuration"
    with open_engine(config) as engine, Session(engine) as session:
        return "source add" if stored.is_watched(session, settings.name, scope) else None


@source.command(cls=Command)
@click.argument("name")
@config_option
@click.pass_context
def poll(ctx: click.Context, name: str) -> None:
    """Make a source due now. NAME is its id, `instance:scope`, or the scope where that is clear."""
    with open_engine(load_own(config_path(ctx))) as engine, Session(engine) as session, session.begin():
        found = stored.find(session, name)
        if not found.is_active:
            raise Failure([f"{found.name} is inactive"], "Put it back into the configuration, or add it again.")
        asked = trigger(session, source_id=found.id)
    if asked.sources:
        click.echo(f"{found.name} is due now; the scheduler polls it as soon as it has a worker free.")
    else:
        click.echo(f"{found.name} was asked for already; it can be again in {asked.rest_seconds} s.")
