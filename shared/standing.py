"""How the installation stands: its processes, today's builds, what nobody understood. Read by `status` and `doctor`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

ALIVE_WITHIN = timedelta(seconds=30)
"""A heartbeat comes every few seconds; one older than this is of a process that is gone or stands still."""

FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process that told of itself within the last day."""

    kind: str
    host: str
    pid: int
    version: str
    started_at: datetime
    heartbeat_at: datetime
    is_alive: bool


@dataclass(frozen=True, slots=True)
class BuildCounts:
    """Builds by how they stand; the finished ones are those that were queued since the beginning of the window."""

    running: int
    waiting: int
    succeeded: int
    failed: int


@dataclass(frozen=True, slots=True)
class UnknownWord:
    """A word of a provider's that we do not know, and how many builds of the window carry it."""

    provider: str
    word: str
    builds: int


def processes(session: Session, now: datetime) -> tuple[ProcessState, ...]:
    """Every process with a heartbeat of the last day, by kind; the newest first."""
    rows = session.execute(
        text("""
            SELECT kind, host, pid, version, started_at, heartbeat_at, heartbeat_at > :alive_since
            FROM processes WHERE heartbeat_at > :since
            ORDER BY kind, heartbeat_at DESC, id
        """),
        {"alive_since": now - ALIVE_WITHIN, "since": now - FORGOTTEN_AFTER},
    )
    return tuple(ProcessState(*row) for row in rows)


def build_counts(session: Session, since: datetime) -> BuildCounts:
    """How many builds run and wait now, whenever they began, and how many queued since then passed and failed."""
    row = session.execute(
        text("""
            SELECT (SELECT count(*) FROM builds WHERE NOT is_finished AND status = 'running'),
                   (SELECT count(*) FROM builds WHERE NOT is_finished AND status IN ('queued', 'blocked')),
                   count(*) FILTER (WHERE status = 'succeeded'),
                   count(*) FILTER (WHERE status IN ('failed', 'timed_out'))
            FROM builds WHERE queued_at >= :since
        """),
        {"since": since},
    ).one()
    return BuildCounts(*row)


def unknown_words(session: Session, since: datetime) -> tuple[UnknownWord, ...]:
    """The words behind `unknown` builds queued since then, most frequent first."""
    rows = session.execute(
        text("""
            SELECT instances.provider, builds.raw_status, count(*) AS builds
            FROM builds
            JOIN pipelines ON pipelines.id = builds.pipeline_id
            JOIN instances ON instances.id = pipelines.instance_id
            WHERE builds.status = 'unknown' AND builds.queued_at >= :since
            GROUP BY instances.provider, builds.raw_status
            ORDER BY builds DESC, instances.provider, builds.raw_status
            LIMIT 50
        """),
        {"since": since},
    )
    return tuple(UnknownWord(*row) for row in rows)


def quarantined(session: Session) -> tuple[int, datetime | None]:
    """How many rows of providers' answers could not be stored, and when one was last seen."""
    row = session.execute(text("SELECT count(*), max(last_seen_at) FROM quarantine")).one()
    return row[0], row[1]
