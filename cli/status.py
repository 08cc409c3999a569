"""`observatory status`: what is watched and how fresh that is, today's builds, the processes."""

from dataclasses import asdict
from datetime import datetime, timedelta

import click
from sqlalchemy.orm import Session

from cli.configured import load_own, open_engine
from cli.options import config_option, config_path, json_option
from cli.style import Command
from cli.table import REMARK, age, is_terminal, print_json, print_rows
from shared.clock import utc_now
from shared.config.settings import DEFAULT_PROJECT
from shared.freshness import sources
from shared.queries import Row
from shared.scope import Scope
from shared.standing import OPEN_STATES, BuildCounts, ProcessState, build_counts, processes

DAY = timedelta(days=1)
MOST_SOURCES = 10_000


@click.command(cls=Command)
@json_option
@config_option
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show what is watched, how fresh that is, what runs, how the builds of the last 24 hours ended, the processes.

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
    print_rows("builds", ("status", "count", "window"), _counts(counts))
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
    """The sources, one a row; people are spared a project that is everywhere `default`."""
    columns: tuple[str, ...] = ("source", "project", "state", "last contact", "next poll", REMARK)
    rows = [_source(row, now) for row in watched]
    if is_terminal() and all(row["project"] == DEFAULT_PROJECT for row in watched):
        columns, rows = _without(columns, 1), [_without(row, 1) for row in rows]
    print_rows("sources", columns, rows)


def _without(row: tuple[str, ...], place: int) -> tuple[str, ...]:
    return row[:place] + row[place + 1 :]


def _source(row: Row, now: datetime) -> tuple[str, ...]:
    contact, due = row["last_contact_at"], row["next_poll_at"]
    return (
        f"{row['instance']}:{row['scope']}",
        str(row["project"]),
        _state(row),
        age(contact if isinstance(contact, datetime) else None, now),
        age(max(due, now), now) if isinstance(due, datetime) and row["is_active"] else "never",
        str(row["stale_reason"] or row["last_error"] or "") if row["is_active"] else "no longer configured",
    )


def _state(row: Row) -> str:
    if not row["is_active"]:
        return "inactive"
    if row["failures"]:
        return f"failing ({row['failures']}×)"  # noqa: RUF001 (the sign people write)
    if row["is_stale"]:
        return "stale"
    return "polling" if row["is_polling"] else "waiting" if row["last_contact_at"] is None else "fresh"


def _counts(counts: BuildCounts) -> list[tuple[str, str, str]]:
    """Open builds are counted as they stand now, the others in the window."""
    return [(name, str(count), "now" if name in OPEN_STATES else "last 24 h") for name, count in asdict(counts).items()]


def _process(process: ProcessState, now: datetime) -> tuple[str, ...]:
    state = "alive" if process.is_alive else "silent"
    return process.kind, process.host, str(process.pid), state, age(process.heartbeat_at, now)
