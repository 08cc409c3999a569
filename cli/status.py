"""`observatory status`: what is watched and how fresh that is, today's builds and troubles, the processes."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import click
from sqlalchemy.orm import Session

from cli.configured import load_own, open_engine
from cli.options import config_option, config_path, json_option
from cli.style import Command
from cli.table import REMARK, age, is_terminal, print_json, print_rows
from shared import backfills, watches
from shared.clock import utc_now
from shared.collector_errors import errors
from shared.config.settings import DEFAULT_PROJECT
from shared.freshness import sources
from shared.jobs import meaning, told
from shared.queries import Row
from shared.receiver_standing import ReceiverStanding, receivers
from shared.scope import Scope
from shared.standing import (
    OPEN_STATES,
    BuildCounts,
    ParkedReceipts,
    ProcessState,
    build_counts,
    parked_receipts,
    processes,
)

DAY = timedelta(days=1)
MOST_SOURCES = 10_000
MOST_ERRORS = 20
MOST_BACKFILLS = 20
MOST_REASONS = 5
MOST_SHOWN = 30
"""Sources that fit on a screen; of more, people see those that need a look."""


@dataclass(frozen=True, slots=True)
class Glance:
    """Everything `status` knows at one instant."""

    now: datetime
    sources: list[Row]
    patterns: list[watches.WatchState]
    builds: BuildCounts
    errors: list[Row]
    backfills: list[Row]
    parked: tuple[ParkedReceipts, ...]
    receivers: tuple[ReceiverStanding, ...]
    processes: tuple[ProcessState, ...]


@click.command(cls=Command)
@json_option
@config_option
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show what is watched, how fresh that is, what runs, how the builds of the last 24 hours ended, the processes.

    Besides that what went wrong in these hours: errors of collecting, webhooks that nobody could process; the backfills
    under way; and whether each receiver of alerts is on. A table on a terminal, lines with tabs elsewhere: the first
    field names the section.
    """
    with open_engine(load_own(config_path(ctx))) as engine, Session(engine) as session:
        seen = look(session, utc_now())
    if as_json:
        print_json(as_document(seen))
        return
    if is_terminal():
        click.secho(headline(seen), bold=True)
        click.echo()
    _print_watched(seen)
    print_patterns(seen.patterns, seen.now)
    print_rows("builds", ("status", "count", "window"), _counts(seen.builds))
    _print_troubles(seen)
    print_receivers(seen.receivers, seen.now)
    columns = ("process", "host", "pid", "state", "heartbeat", REMARK)
    print_rows("processes", columns, [_process(one, seen.now) for one in seen.processes])


def look(session: Session, now: datetime) -> Glance:
    """Read everything."""
    return Glance(
        now=now,
        sources=sources(session, Scope(), limit=MOST_SOURCES),
        patterns=watches.states(session),
        builds=build_counts(session, now - DAY),
        errors=errors(session, Scope(), limit=MOST_ERRORS, since=now - DAY),
        backfills=[row for row in backfills.newest(session, limit=MOST_BACKFILLS) if row["settled_at"] is None],
        parked=parked_receipts(session, most=MOST_REASONS),
        receivers=receivers(session),
        processes=processes(session, now),
    )


def headline(seen: Glance) -> str:
    """All of it in one line. Pure."""
    active = [row for row in seen.sources if row["is_active"]]
    stale = sum(bool(row["is_stale"]) for row in active)
    parked = sum(each.receipts for each in seen.parked)
    deaf = sum(each.state in {"off", "closed"} for each in seen.receivers)
    failing = sum(each.state == "failing" for each in seen.receivers)
    schedulers = [process for process in seen.processes if process.kind == "scheduler" and process.is_alive]
    troubles = {trouble.job for process in schedulers for trouble in process.troubles}
    parts = [
        "" if schedulers else "no scheduler runs",
        *(meaning(job) for job in sorted(troubles)),
        _watched(len(active), stale),
        f"{_of(len(seen.errors), 'kind')} of errors in the last 24 h" if seen.errors else "",
        f"{_of(parked, 'webhook')} parked" if parked else "",
        f"{_of(len(seen.backfills), 'backfill')} under way" if seen.backfills else "",
        f"{_of(deaf, 'receiver')} switched off" if deaf else "",
        f"{_of(failing, 'receiver')} failing" if failing else "",
    ]
    return "; ".join(part for part in parts if part)


def _watched(active: int, stale: int) -> str:
    if not active:
        return "nothing is watched"
    return f"{_of(active, 'source')}, {f'{stale} stale' if stale else 'none stale'}"


def as_document(seen: Glance) -> dict[str, object]:
    """Everything `status` knows, for programs."""
    return {
        "as_of": seen.now,
        "sources": seen.sources,
        "patterns": [asdict(pattern) for pattern in seen.patterns],
        "builds": asdict(seen.builds) | {"since": seen.now - DAY},
        "errors": [{key: value for key, value in row.items() if key != "place"} for row in seen.errors],
        "backfills": seen.backfills,
        "parked_receipts": [asdict(each) for each in seen.parked],
        "receivers": [asdict(each) for each in seen.receivers],
        "processes": [asdict(process) for process in seen.processes],
    }


def _print_watched(seen: Glance) -> None:
    """The sources; of many, people are shown those that need a look, the longest silent first."""
    if not is_terminal() or len(seen.sources) <= MOST_SHOWN:
        print_sources(seen.sources, seen.now)
        return
    odd = [row for row in seen.sources if row["is_active"] and (row["is_stale"] or row["failures"])]
    print_sources(sorted(odd, key=_contact)[:MOST_SHOWN], seen.now)
    shown = min(len(odd), MOST_SHOWN)
    click.echo(f"and {_of(len(seen.sources) - shown, 'source')} more: observatory source list\n")


def _contact(row: Row) -> datetime:
    contact = row["last_contact_at"]
    return contact if isinstance(contact, datetime) else datetime.min.replace(tzinfo=UTC)


def _print_troubles(seen: Glance) -> None:
    """What went wrong and what is being made up for; nothing where there is nothing."""
    if seen.errors:
        print_rows(
            "errors", ("source", "kind", "count", "last", REMARK), [_error(row, seen.now) for row in seen.errors]
        )
    if seen.parked:
        parked = [
            (one.instance, str(one.receipts), age(one.last_received_at, seen.now), one.reason) for one in seen.parked
        ]
        print_rows("parked webhooks", ("instance", "count", "last", REMARK), parked)
    if seen.backfills:
        columns = ("source", "state", "done", "builds", REMARK)
        print_rows("backfills", columns, [_backfill(row) for row in seen.backfills])


def print_receivers(known: tuple[ReceiverStanding, ...], now: datetime) -> None:
    """Who is told, one receiver a row; nothing where there is none."""
    if known:
        columns = ("receiver", "kind", "state", "last message", REMARK)
        rows = [(one.name, one.kind, one.state, age(one.last_sent_at, now), one.reason or "") for one in known]
        print_rows("receivers", columns, rows)


def _error(row: Row, now: datetime) -> tuple[str, ...]:
    last = row["last_seen_at"]
    seen = age(last if isinstance(last, datetime) else None, now)
    return f"{row['instance']}:{row['scope']}", str(row["kind"]), str(row["count"]), seen, str(row["example"])


def _backfill(row: Row) -> tuple[str, ...]:
    share = row["share"]
    done = f"{share:.0%}" if isinstance(share, float) else ""
    return str(row["source"]), str(row["state"]), done, str(row["builds"]), str(row["reason"] or "")


def _of(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def print_sources(watched: list[Row], now: datetime) -> None:
    """The sources, one a row; people are spared a project that is everywhere `default`."""
    columns: tuple[str, ...] = ("source", "project", "state", "last contact", "next poll", REMARK)
    rows = [_source(row, now) for row in watched]
    if is_terminal() and all(row["project"] == DEFAULT_PROJECT for row in watched):
        columns, rows = _without(columns, 1), [_without(row, 1) for row in rows]
    print_rows("sources", columns, rows)


def print_patterns(patterns: list[watches.WatchState], now: datetime) -> None:
    """What finds sources by itself, one pattern a row; nothing where there is none."""
    if patterns:
        columns = ("pattern", "found", "last look", "next look", REMARK)
        print_rows("patterns", columns, [_pattern(pattern, now) for pattern in patterns])


def _pattern(pattern: watches.WatchState, now: datetime) -> tuple[str, ...]:
    return (
        f"{pattern.instance}:{pattern.pattern}",
        "-" if pattern.found is None else str(pattern.found),
        age(pattern.last_ok_at, now),
        age(max(pattern.next_look_at, now), now),
        pattern.last_error or "",
    )


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
        _remark(row),
    )


def _remark(row: Row) -> str:
    if row["archived_at"] is not None:
        return f"no longer found by {row['pattern']}"
    if not row["is_active"]:
        return "no longer configured"
    found = f"found by {row['pattern']}" if row["origin"] == "found" else ""
    return str(row["stale_reason"] or row["last_error"] or row["interval_reason"] or found)


def _state(row: Row) -> str:
    if not row["is_active"]:
        return "inactive" if row["archived_at"] is None else "archived"
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
    count = f"{process.mistakes} mistakes" if process.mistakes > 1 else "a mistake"
    mistaken = f"{count} in its configuration, the one of before is in force" if process.mistakes else ""
    remark = "; ".join(
        [*(told(trouble) for trouble in process.troubles if process.is_alive), *filter(None, [mistaken])]
    )
    return process.kind, process.host, str(process.pid), state, age(process.heartbeat_at, now), remark
