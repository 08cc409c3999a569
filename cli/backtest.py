"""`observatory alerts backtest`: what rules would have told of what happened, before they are switched on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click

from alerts.backtest import Answer, Busy, Question, Reason, Received, back_test
from alerts.backtest_read import routes_of_api
from cli.configured import load_own, load_receivers, open_engine
from cli.failures import Failure
from cli.options import config_path, json_option
from cli.style import Command
from cli.table import is_terminal, one_line, print_rows, print_written
from shared.config.fields import parse_duration
from shared.config.settings import Config
from shared.reading import Reading, reading
from shared.wire import encode

FIRST = 20
"""Messages shown of each receiver, unless all are asked for."""

FIRST_REASONS = 5

_EVERY = 1_000_000

_RECEIVERS = ("receiver", "messages", "a day", "incidents", "hidden", "in force")


@click.command(cls=Command)
@click.option("--since", default="14d", show_default=True, metavar="SPAN", help="How far back, such as 36h or 14d.")
@click.option(
    "-c",
    "--config",
    "tried",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Try the routes and receivers of this file; those in force, unless given.",
)
@click.option("--with-silences", is_flag=True, help="Heed the silences there were; ignored unless given.")
@click.option("--all", "is_all", is_flag=True, help=f"Show every message, not the first {FIRST} of each receiver.")
@json_option
@click.pass_context
def backtest(  # noqa: PLR0917 (one parameter an option)
    ctx: click.Context, since: str, tried: Path | None, with_silences: bool, is_all: bool, as_json: bool
) -> None:
    """Show who would have been told what, what would have been hidden and why; nothing is sent or written.

    With `--config new.toml` that file's rules are tried and compared with those in force. Its secrets have to be there
    as for any command that reads receivers.
    """
    span = _span(since)
    config = None if tried is None else load_receivers(tried)
    with open_engine(load_own(config_path(ctx))) as engine, reading(engine) as opened:
        question = _question(config, opened, span)
        question = replace(question, is_with_silences=with_silences, most_sent=_EVERY if is_all else FIRST)
        try:
            answer = back_test(opened.session, question, opened.as_of)
        except Busy:
            raise Failure(["another back-test runs on this database"], "Try again in half a minute.") from None
    if as_json:
        print_written(encode(answer).decode())
        return
    _print(answer)


def _span(since: str) -> timedelta:
    try:
        seconds = parse_duration(since)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    if not isinstance(seconds, float) or not 60 <= seconds <= 366 * 86_400:
        raise click.BadParameter("must be from a minute to a year", param_hint="--since")
    return timedelta(seconds=seconds)


def _question(config: Config | None, opened: Reading, span: timedelta) -> Question:
    """The file's rules with those made by API, which would stay in force beside them."""
    asked = Question(since=opened.as_of - span, until=opened.as_of)
    if config is None:
        return asked
    named = {route.name for route in config.routes}
    routes = [*config.routes, *(route for route in routes_of_api(opened.session) if route.name not in named)]
    return replace(asked, routes=tuple(routes), receivers=config.receivers)


def _print(answer: Answer) -> None:
    is_compared = any(each.difference is not None for each in answer.receivers)
    if is_terminal():
        click.echo(f"{answer.since:%Y-%m-%d %H:%M} to {answer.until:%Y-%m-%d %H:%M} UTC, {answer.events:,} events")
        click.echo()
    if not answer.is_complete:
        click.echo(f"Only the first {answer.events:,} events were looked at; take a shorter span.", err=True)
    columns = _RECEIVERS if is_compared else _RECEIVERS[:-1]
    print_rows("receivers", columns, [_receiver(each)[: len(columns)] for each in answer.receivers])
    for each in answer.receivers:
        _print_reasons(each)
        _print_difference(each)
        _print_sent(each)


def _receiver(each: Received) -> tuple[str, ...]:
    hidden = sum(reason.count for reason in each.hidden)
    in_force = "-" if each.difference is None else f"{each.difference.messages_in_force:,} messages"
    messages = (f"{each.messages:,}", f"{each.messages_per_day:,.1f}")
    return each.receiver, *messages, f"{each.incidents:,}", f"{hidden:,}", in_force


def _print_reasons(each: Received) -> None:
    """The reasons that hid most, and what had to wait."""
    rows = [*_counted(each.receiver, "hidden", each.hidden), *_counted(each.receiver, "held", each.held)]
    if rows:
        print_rows("reasons", ("receiver", "what", "times", "remark"), rows)


def _counted(receiver: str, what: str, reasons: Sequence[Reason]) -> list[tuple[str, ...]]:
    return [(receiver, what, f"{each.count:,}", each.reason) for each in reasons[:FIRST_REASONS]]


def _print_difference(each: Received) -> None:
    """The incidents that only one of the two sets of rules tells."""
    difference = each.difference
    if difference is None or not (difference.newly_told or difference.no_longer_told):
        return
    rows = [
        (each.receiver, what, text)
        for what, texts in (
            ("newly told", difference.newly_told_examples),
            ("no longer told", difference.no_longer_told_examples),
        )
        for text in texts
    ]
    print_rows("changes", ("receiver", "what", "remark"), rows)


def _print_sent(each: Received) -> None:
    shown = each.sent
    if not shown:
        return
    print_rows(
        "messages",
        ("receiver", "at", "lines", "remark"),
        [
            (each.receiver, f"{sent.at:%Y-%m-%d %H:%M} UTC", str(len(sent.lines) + sent.more), sent.title)
            for sent in shown
        ],
    )
    if len(shown) < each.messages:
        click.echo(one_line(f"and {each.messages - len(shown):,} more messages to {each.receiver}"), err=True)
