"""`observatory status`: what is watched and how fresh that is, today's builds, the processes."""

from dataclasses import asdict
from datetime import datetime, timedelta

import click
from sqlalchemy.orm import Session

from cli.configured import load_own, open_engine
from cli.options import config_option, config_path, json_option
from cli.style import Command
from cli.table import age, print_json, print_rows
from shared.clock import utc_now
from shared.freshness import sources
from shared.queries import Row
from shared.scope import Scope
from shared.standing import BuildCounts, ProcessState, build_counts, processes

DAY = timedelta(days=1)
MOST_SOURCES = 10_000


@click.command(cls=Command)
@json_option
@config_option
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show what is watched, how fresh that is, what runs, what failed in the last 24 hours, and the processes.

    A table on a terminal, lines with tabs elsewhere: the first field names the section.
    """
    now = utc_now()
    with open_engine(load_own(config_path(ctx))) as engine, Session(engine) as session:
        watched = sources(session, Scope(), limit=MOST_SOURCES)
        counts = build_counts(session, now - DAY)
        alive = processes(session, now)
    if as_json:
        print_json(as_document(watched, counts, alive, now))
        return
    print_sources(watched, now)
    print_rows("builds", ("state", "count"), [(name, str(count)) for name, count in asdict(counts).items()])
    print_rows("processes", ("process", "host", "pid", "state", "heartbeat"), [_process(one, now) for one in alive])


def as_document(
    watched: list[Row], counts: BuildCounts, alive: tuple[ProcessState, ...], now: datetime
) -> dict[str, object]:
    """Everything `status` knows, for programs."""
    return {
        "as_of": now,
        "sources": watched,
        "builds": asdict(counts) | {"since": now - DAY},
        "processes": [asdict(process) for process in alive],
    }


def print_sources(watched: list[Row], now: datetime) -> None:
    """The sources, one a row."""
    columns = ("source", "project", "state", "last contact", "next poll", "remark")
    print_rows("sources", columns, [_source(row, now) for row in watched])


def _source(row: Row, now: datetime) -> tuple[str, ...]:
    contact, due = row["last_contact_at"], row["next_poll_at"]
    return (
        f"{row['instance']}:{row['scope']}",
        str(row["project"]),
        _state(row),
        age(contact if isinstance(contact, datetime) else None, now),
        age(due, now) if isinstance(due, datetime) and row["is_active"] else "never",
        str(row["stale_reason"] or row["last_error"] or "") if row["is_active"] else "no longer configured",
    )


def _state(row: Row) -> str:
    if not row["is_active"]:
        return "inactive"
    if row["is_stale"]:
        return "stale"
    return "polling" if row["is_polling"] else "waiting" if row["last_contact_at"] is None else "fresh"


def _process(process: ProcessState, now: datetime) -> tuple[str, ...]:
    state = "alive" if process.is_alive else "silent"
    return process.kind, process.host, str(process.pid), state, age(process.heartbeat_at, now)
