"""`observatory doctor`: everything that has to work, one line each, with the cure where it does not."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy.orm import Session

from cli import findings
from cli.configured import load_all, load_own, open_engine
from cli.failures import Failure, failure_of
from cli.findings import Finding, Mark
from cli.options import config_option, config_path, json_option
from cli.style import Command
from cli.table import one_line, print_json
from shared.clock import utc_now
from shared.config.settings import Config
from shared.errors import CannotStart, ConfigError
from shared.log.redaction import redact

_COLOURS = {Mark.FINE: "green", Mark.ODD: "yellow", Mark.WRONG: "red"}


@click.command(cls=Command)
@json_option
@config_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check configuration, database, tables, port, limits, every provider's credential, and what we collect.

    ✓ is fine, ! is worth a look, ✗ is wrong (exit code 1). Each provider is asked once or twice.
    """
    found = []
    for finding in map(_presentable, examine(config_path(ctx))):
        found.append(finding)
        if not as_json:
            _print(finding)
    is_ok = all(finding.mark is not Mark.WRONG for finding in found)
    if as_json:
        print_json({"is_ok": is_ok, "findings": [asdict(finding) for finding in found]})
    ctx.exit(0 if is_ok else 1)


def examine(path: Path | None) -> Iterator[Finding]:
    """Every finding, as it is made; a check that fails unexpectedly is a finding too and stops no other."""
    try:
        config = load_all(path)
        yield Finding(Mark.FINE, "configuration", str(path) if path else "no file; defaults and environment hold")
    except ConfigError as error:
        for place, words in error.mistakes:
            yield Finding(Mark.WRONG, "configuration", f"{place}: {words}", "docs/configuration.md explains every key.")
        try:
            config = load_own(path)  # goes on with what is sound: only providers or receivers may be wrong
        except ConfigError:
            return
    yield from _guarded("database", findings.database(config))
    yield from _guarded("port", findings.port(config.server))
    yield from _guarded("open files", findings.files(config.server))
    for settings in config.providers:
        yield from _guarded(settings.name, findings.provider(settings))
    yield from _guarded("database", _inside(config))


def _inside(config: Config) -> Iterator[Finding]:
    """What only the database can tell; silent without one, which was said before."""
    now = utc_now()
    try:
        with open_engine(config) as engine:
            yield from findings.tables(engine)
            with Session(engine) as session:
                yield from findings.scheduler(session, now, is_expected=findings.answers(config.server))
                yield from findings.knowledge(session, now)
    except CannotStart:
        return


def _guarded(subject: str, checks: Iterable[Finding]) -> Iterator[Finding]:
    try:
        yield from checks
    except Exception as error:  # noqa: BLE001 (one check that cannot be made must not hide the others)
        failure = failure_of(error)
        yield Finding(Mark.WRONG, subject, failure.message, failure.cure if isinstance(failure, Failure) else None)


def _presentable(finding: Finding) -> Finding:
    """What providers and drivers say may carry secrets or commands to the terminal; neither is passed on."""
    cure = finding.cure and one_line(redact(finding.cure))
    return Finding(finding.mark, one_line(finding.subject), one_line(redact(finding.words)), cure)


def _print(finding: Finding) -> None:
    mark = click.style(finding.mark.value, fg=_COLOURS[finding.mark], bold=True)
    click.echo(f"{mark} {finding.subject}: {finding.words}")
    if finding.cure and finding.mark is not Mark.FINE:
        click.echo(f"    {finding.cure}")
