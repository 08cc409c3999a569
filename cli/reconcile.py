"""`observatory reconcile`: which changes webhooks told, which only polls found, and how late each was."""

from datetime import datetime, timedelta

import click
from sqlalchemy.orm import Session

from cli.configured import load_own, open_engine
from cli.options import config_option, config_path, json_option
from cli.style import Command
from cli.table import REMARK, age, print_json, print_rows
from shared.clock import utc_now
from shared.reconciliation import FORMULA, LONGEST_WINDOW, by_instance, by_source, window
from shared.rows import Row
from shared.scope import Scope

MOST_SOURCES = 10_000


@click.command(cls=Command)
@click.argument("instance", required=False)
@click.option(
    "--days",
    type=click.IntRange(1, LONGEST_WINDOW.days),
    default=7,
    show_default=True,
    help="How far to look back.",
)
@json_option
@config_option
@click.pass_context
def reconcile(ctx: click.Context, instance: str | None, days: int, as_json: bool) -> None:
    """Show for each source who told of its changes first: a webhook, or only a poll; and how long each way took.

    INSTANCE narrows it to one installation. The last two columns are lags, in seconds from the finish of a build to our
    record of it, median and 95th percentile. `--json` has every day.
    """
    now = utc_now()
    until = window(now, None, None).until
    frame = window(now, until - timedelta(days=days), until)
    scope = Scope(instance=(instance,) if instance else ())
    with open_engine(load_own(config_path(ctx))) as engine, Session(engine) as session:
        found = by_source(session, scope, frame, limit=MOST_SOURCES)
        received = by_instance(session, scope, frame)
    if as_json:
        print_json({"as_of": now, "window": frame.as_row, "sources": found, "instances": received, "formula": FORMULA})
        return
    columns = (
        "source",
        "webhook",
        "poll",
        "sweep",
        "missed",
        "repeated",
        "late",
        "webhook p50 / p95 s",
        "poll p50 / p95 s",
    )
    print_rows("changes", columns, [_source(row) for row in found])
    print_rows(
        "webhooks", ("instance", "received", "ignored", "parked", "waiting", "last", REMARK), _instances(received, now)
    )


def _source(row: Row) -> tuple[str, ...]:
    figures = row["total"]
    assert isinstance(figures, dict)  # noqa: S101 (as `by_source` makes it)
    changes, lags = figures["changes"], figures["lag_seconds"]
    return (
        f"{row['instance']}:{row['scope']}",
        str(changes["webhook"]),
        str(changes["poll"]),
        str(changes["sweep"]),
        "no webhooks" if figures["missed"] is None else str(figures["missed"]),
        str(figures["repeated"]),
        str(figures["late"]),
        _lag(lags["webhook"]),
        _lag(lags["poll"]),
    )


def _lag(lag: Row) -> str:
    p50, p95 = lag["p50"], lag["p95"]
    if not isinstance(p50, float) or not isinstance(p95, float):
        return "-"
    return f"{p50:.1f} / {p95:.1f}"


def _instances(received: list[Row], now: datetime) -> list[tuple[str, ...]]:
    if not received:
        return [("-", "0", "0", "0", "0", "never", "none came in this time; `observatory webhooks` says what to enter")]
    return [_instance(row, now) for row in received]


def _instance(row: Row, now: datetime) -> tuple[str, ...]:
    last = row["last_webhook_at"]
    return (
        str(row["instance"]),
        str(row["webhooks"]),
        str(row["ignored"]),
        str(row["parked"]),
        str(row["waiting"]),
        age(last if isinstance(last, datetime) else None, now),
        "parked ones could not be processed; their receipts say why" if row["parked"] else "",
    )
