"""`observatory alerts`: messages that were sent, a real test message, and what other rules would have sent."""

import contextlib
import getpass
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click
from sqlalchemy.orm import Session

from alerts.receiver import OpenableSettings, Receiver
from alerts.receiver_states import switch_on
from alerts.receiver_tables import read_table
from alerts.trial import trial_notice
from cli.backtest import backtest
from cli.configured import load_own, load_receivers, open_engine
from cli.failures import Failure, Mistaken
from cli.options import config_option, config_path, json_option
from cli.style import Command, Group
from cli.table import REMARK, age, print_json, print_rows
from shared.alert_queries import KINDS, STATES, DeliveryFilter, list_deliveries
from shared.alert_rules import Origin, Table, in_force
from shared.alert_trials import hurry
from shared.clock import utc_now
from shared.config.mistakes import did_you_mean
from shared.config.settings import Config
from shared.errors import CannotStart, ReceiverGone, Rejected, RetryLater
from shared.reading import reading
from shared.rows import Row

COLUMNS = ("id", "state", "receiver", "kind", "incidents", "tries", "planned", REMARK)


@click.group(cls=Group)
def alerts() -> None:
    """See what was sent, send a test, try rules on what happened."""


alerts.add_command(backtest)


@alerts.command(cls=Command)
@click.option("--receiver", multiple=True, help="Only messages to this receiver; several times for several.")
@click.option("--state", type=click.Choice(STATES), multiple=True, help="Only those that stand so.")
@click.option("--kind", type=click.Choice(KINDS), multiple=True, help="Only those of this kind.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
@json_option
@config_option
@click.pass_context
def deliveries(  # noqa: PLR0917 (one parameter an option)
    ctx: click.Context,
    receiver: tuple[str, ...],
    state: tuple[str, ...],
    kind: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """List messages to receivers, newest first: sent, waiting, refused (dead) or given up (expired)."""
    wanted = DeliveryFilter(receiver=receiver, state=state, kind=kind)
    with open_engine(load_own(config_path(ctx))) as engine, reading(engine) as opened:
        found = list_deliveries(opened.session, wanted, limit=limit)
    if as_json:
        print_json({"as_of": opened.as_of, "deliveries": found})
    elif found:
        print_rows("deliveries", COLUMNS, [_delivery(row) for row in found])


@alerts.command(cls=Command)
@click.argument("receiver")
@config_option
@click.pass_context
def test(ctx: click.Context, receiver: str) -> None:
    """Send a real test message to RECEIVER, and say what came of it.

    Quiet hours and silences do not hold it back. One that was switched off is on again when the message arrives.
    """
    config = load_receivers(config_path(ctx))
    opened = _open(config, receiver)
    _send(opened, receiver)
    click.echo(f"{receiver} took the message.")
    if _switch_on(config, receiver):
        click.echo(f"{receiver} was switched off; it is on again, and what waits for it is sent.")


def _open(config: Config, name: str) -> Receiver:
    """The receiver of this name: the file's, else one made by API, opened with this process's own environment."""
    settings = next((each for each in config.receivers if each.name == name), None)
    known = [each.name for each in config.receivers]
    if settings is None:
        with contextlib.suppress(CannotStart), open_engine(config) as engine, Session(engine) as session:
            stored = {rule.name: rule for rule in in_force(session, Table.RECEIVERS) if rule.origin is Origin.API}
            known = sorted({*known, *stored})
            settings = _made_by_api(name, stored[name].settings) if name in stored else None
    if not isinstance(settings, OpenableSettings):
        raise Mistaken([f"no receiver is called {name}; {did_you_mean(name, known)}"])
    return settings.open(config.server.base_url)


def _made_by_api(name: str, table: Mapping[str, Any]) -> OpenableSettings | None:
    read = read_table(table)
    if read.problem is not None:
        raise Failure([f"{name} cannot be opened here: {read.problem}"], "Set that variable as the scheduler has it.")
    return read.settings


def _switch_on(config: Config, name: str) -> bool:
    """Whether the receiver was off until now; what waits for it is sent. Without a database nothing remembers that."""
    with contextlib.suppress(CannotStart), open_engine(config) as engine, Session(engine) as session, session.begin():
        hurry(session, name, utc_now())
        return switch_on(session, name, utc_now())
    return False


def _send(receiver: Receiver, name: str) -> None:
    """Send a trial; what else than success came of it ends the command with words."""
    try:
        receiver.send(trial_notice(name, getpass.getuser(), utc_now()), is_possible_repeat=False)
    except ReceiverGone as error:
        raise Failure(
            [f"{name} takes no messages any more: {error}"], "Change its settings, then try again."
        ) from error
    except RetryLater as error:
        raise Failure([f"{name} did not take it now: {error}"], "An alert would be tried again by itself.") from error
    except Rejected as error:
        raise Failure([f"{name} refused the message: {error}"]) from error


def _delivery(row: Row) -> tuple[str, ...]:
    planned, next_try, now = row["created_at"], row["next_try_at"], utc_now()
    parts = [str(row["title"] or ""), str(row["last_error"] or "")]
    if isinstance(next_try, datetime) and next_try > now:
        parts.append(f"next try {age(next_try, now)}")
    return (
        str(row["id"]),
        str(row["state"]),
        str(row["receiver"]),
        str(row["kind"]),
        str(row["incidents"]),
        str(row["tries"]),
        age(planned if isinstance(planned, datetime) else None, now),
        "; ".join(part for part in parts if part),
    )
