"""`observatory doctor`: everything that has to work, one line each, with the cure where it does not."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import click
from sqlalchemy.orm import Session

from cli import findings
from cli.check import told
from cli.configured import load_all, load_own, open_engine
from cli.failures import Failure, Mistaken, failure_of
from cli.findings import Finding, State
from cli.options import config_option, config_path, json_option
from cli.style import Command
from cli.table import one_line, print_json
from shared.clock import utc_now
from shared.config.settings import Config
from shared.errors import CannotStart, ConfigError
from shared.log.redaction import redact

CONFIGURATION = "configuration"

_MARKS = {State.OK: ("✓", "green"), State.WARNING: ("!", "yellow"), State.ERROR: ("✗", "red")}


@click.command(cls=Command)
@json_option
@config_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check configuration, database, tables, port, limits, every provider's credential, and what we collect.

    ✓ is fine, ! is worth a look, ✗ is wrong: exit code 1, or 2 with mistakes in the configuration. Each provider is
    asked once or twice.
    """
    found: list[Finding] = []
    for finding in map(_presentable, examine(config_path(ctx))):
        if not as_json:
            _print(finding, before=found[-1] if found else None)
        found.append(finding)
    if found and not as_json:
        _print_cure(found[-1])
    wrong = {finding.subject for finding in found if finding.state is State.ERROR}
    if as_json:
        print_json({"is_ok": not wrong, "findings": [asdict(finding) for finding in found]})
    ctx.exit(Mistaken.exit_code if CONFIGURATION in wrong else 1 if wrong else 0)


def examine(path: Path | None) -> Iterator[Finding]:
    """Every finding, as it is made; a check that fails unexpectedly is a finding too and stops no other."""
    try:
        config = load_all(path)
        yield Finding(State.OK, CONFIGURATION, str(path) if path else "no file; defaults and environment hold")
    except ConfigError as error:
        for said in told(path, error.mistakes):
            yield Finding(State.ERROR, CONFIGURATION, said, "docs/configuration.md explains every key.")
        try:
            config = load_own(path)  # goes on with what is sound: only providers or receivers may be wrong
        except ConfigError:
            return
    has_database = True
    for finding in _guarded("database", findings.database(config)):
        has_database = has_database and finding.state is not State.ERROR
        yield finding
    yield from _guarded("port", findings.port(config.server))
    yield from _guarded("open files", findings.files(config.server))
    for settings in config.providers:
        yield from _guarded(settings.name, findings.provider(settings))
    if has_database:
        yield from _guarded("database", _inside(config))


def _inside(config: Config) -> Iterator[Finding]:
    """What only the database can tell; silent without one, which was said before, and about tables of another shape."""
    now = utc_now()
    try:
        with open_engine(config) as engine:
            tables = findings.tables(engine)
            yield tables
            if tables.state is not State.OK:
                return
            with Session(engine) as session:
                yield from findings.scheduler(session, now, is_expected=findings.answers(config.server))
                yield from findings.freshness(session)
                yield from findings.knowledge(session, now)
    except CannotStart:
        return


def _guarded(subject: str, checks: Iterable[Finding]) -> Iterator[Finding]:
    try:
        yield from checks
    except Exception as error:  # noqa: BLE001 (one check that cannot be made must not hide the others)
        failure = failure_of(error)
        yield Finding(State.ERROR, subject, failure.message, failure.cure if isinstance(failure, Failure) else None)


def _presentable(finding: Finding) -> Finding:
    """What providers and drivers say may carry secrets or commands to the terminal; neither is passed on."""
    cure = finding.cure and one_line(redact(finding.cure))
    return Finding(finding.state, one_line(finding.subject), one_line(redact(finding.words)), cure)


def _print(finding: Finding, *, before: Finding | None) -> None:
    """One line; the cure that several in a row share comes once, after the last of them."""
    if before and before.cure != finding.cure:
        _print_cure(before)
    symbol, colour = _MARKS[finding.state]
    click.echo(f"{click.style(symbol, fg=colour, bold=True)} {finding.subject}: {finding.words}")


def _print_cure(finding: Finding) -> None:
    if finding.cure:
        click.echo(f"    {finding.cure}")
